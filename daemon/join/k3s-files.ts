/**
 * Brings a file of the master's onto a board: the board fetches it over HTTP, whose bytes anybody may have, and checks it by
 * the SHA-256 that came over SSH.
 */
import type { K3sRecordFile } from '../../config/k3s-release.ts';
import { err, ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, millis } from '../../config/values.ts';
import type { ByteSource } from '../ports.ts';
import type { SshSession, StepProblem } from './driver.ts';
import { fetchScript, partOf } from './k3s-scripts.ts';
import { lastWords } from './output.ts';

export type K3sFile = K3sRecordFile & { readonly version: string };

/** What the master has of k3s: whole files only, of every release. */
export type K3sFiles = {
  readonly list: () => Promise<readonly K3sFile[]>;
  /** Whoever asked closes it. Undefined: there is no such file. */
  readonly open: (sha256: string) => Promise<ByteSource | undefined>;
};

export type Delivery = {
  readonly file: K3sFile;
  readonly path: string;
  readonly mode: number;
  /** `http://10.0.0.1:8067`: the master as the board reaches it. */
  readonly baseUrl: string;
  readonly open: K3sFiles['open'];
};

/** Attempts in a row that bring not a byte; then the file goes over SSH, as it does where nothing on the board can fetch. */
const idleAttempts = 2;

/** Reading it from the card and hashing it, too, on the slowest board. */
const patience = (bytes: number): Millis => millis(120_000 + bytes / 256);

export async function isThere(session: SshSession, delivery: Delivery): Promise<Result<boolean, StepProblem>> {
  const found = await attempt(session, delivery, '');
  return found.ok ? ok(found.value.word === 'there') : found;
}

/** Goes on where an earlier transfer was cut. A file whose checksum is wrong is fetched again, once. */
export async function deliver(session: SshSession, delivery: Delivery): Promise<Result<void, StepProblem>> {
  const { file, baseUrl } = delivery;
  const url = `${baseUrl}/v1/cluster/files/${file.sha256}`;
  let [idle, had, wrong] = [0, 0, 0];
  for (;;) {
    const overSsh = idle >= idleAttempts;
    if (overSsh) {
      const put = await putPart(session, delivery);
      if (!put.ok) return put;
    }
    const end = await attempt(session, delivery, url);
    if (!end.ok) return end;
    const { word, figures } = end.value;
    if (word === 'there') return ok(undefined);
    if (word === 'full') return diskFull(file, figures);
    if (word === 'wrong') {
      wrong += 1;
      if (wrong > 1) return wrongChecksum(file);
      had = 0;
    } else if (overSsh) {
      return problem('TRANSFER_FAILED', `${file.name} did not stay on the board as it was sent`);
    } else {
      const [has = 0] = figures;
      idle = word === 'cut' ? (has > had ? 0 : idle + 1) : idleAttempts;
      had = has;
    }
  }
}

type Word = 'there' | 'missing' | 'full' | 'wrong' | 'cut' | 'nothing';
const words: readonly Word[] = ['there', 'missing', 'full', 'wrong', 'cut', 'nothing'];

async function attempt(
  session: SshSession,
  { file, path, mode }: Delivery,
  url: string,
): Promise<Result<{ readonly word: Word; readonly figures: readonly number[] }, StepProblem>> {
  const args = [path, String(file.bytes), file.sha256, mode.toString(8), url];
  const end = await session.run('sh', ['-c', fetchScript, 'sh', ...args], { timeout: patience(file.bytes) });
  if (!end.ok) return end;
  const [said = '', ...figures] = end.value.stdout.trim().split(' ');
  const word = words.find((known) => known === said);
  if (word !== undefined) return ok({ word, figures: figures.map(Number) });
  const output = lastWords(end.value);
  return err({
    code: 'TRANSFER_FAILED',
    detail: `${file.name} could not be put at ${path}`,
    ...(output !== '' && { output }),
  });
}

async function putPart(session: SshSession, { file, path, open }: Delivery): Promise<Result<void, StepProblem>> {
  const source = await open(file.sha256);
  if (source === undefined)
    return problem('K3S_FILES_MISSING', `${file.name} is gone from the master: run bramble cluster fetch`);
  try {
    return await session.putBytes(partOf(path, file.sha256), source, 0o600);
  } finally {
    await source.close();
  }
}

const diskFull = ({ name }: K3sFile, [free = 0, needed = 0]: readonly number[]): Result<never, Problem<'DISK_FULL'>> =>
  problem(
    'DISK_FULL',
    `${name} needs ${Math.ceil(needed / 1024)} MiB on the board, and ${Math.floor(free / 1024)} MiB are free: make room there or give it a larger disk, then retry`,
  );

const wrongChecksum = ({ name }: K3sFile): Result<never, Problem<'CHECKSUM_WRONG'>> =>
  problem(
    'CHECKSUM_WRONG',
    `${name} arrived damaged on the board, twice: its disk or memory, the network, or the copy on the master is broken; fetch that anew with bramble cluster fetch, then retry`,
  );
