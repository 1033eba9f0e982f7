/**
 * A release's folder in the daemon's data. A file counts once its sum is right, it has its name, and the record tells of it;
 * until then it is called NAME.part and may be gone on with.
 */
import { chmod, copyFile, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  K3S_RECORD,
  type K3sRecord,
  type K3sRecordFile,
  k3sFileName,
  k3sFolder,
  parseK3sRecord,
} from '../../config/k3s-release.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { makeFolder, readSum, replaceFile, syncFolder } from './io.ts';
import { BEGINNING, checkBeginning, type Wanted } from './release.ts';

export type Shelf = {
  readonly folder: string;
  readonly record: () => Promise<Result<K3sRecord, Problem>>;
  /** Whether it is there with this sum, as it is read now. One that is there and is not so is forgotten. */
  readonly has: (wanted: Wanted, sha256: string, how: Reading) => Promise<boolean>;
  readonly partOf: (wanted: Wanted) => string;
  /** What `partOf` has grown to gets its place, if it is what it should be. If not it is removed. */
  readonly take: (wanted: Wanted, sha256: string, how: Reading) => Promise<Result<K3sRecordFile, ShelfProblem>>;
  /** The list of sums that came with it, for when its server cannot be asked. */
  readonly sums: { readonly read: (name: string) => Promise<string>; readonly keep: Keep; readonly forget: Forget };
};
export type ShelfProblem = Problem<'WRONG_SUM' | 'NOT_K3S'>;
export type Reading = { readonly onProgress?: (done: number, of: number) => void; readonly signal: AbortSignal };
type Keep = (name: string, text: string) => Promise<void>;
type Forget = (name: string) => Promise<void>;

/** Makes the folder. What the disk says is thrown. */
export async function openShelf(data: string, version: string): Promise<Shelf> {
  const folder = k3sFolder(data, version);
  await makeFolder(folder);
  const place = ({ arch, kind }: Wanted): string => join(folder, k3sFileName(arch, kind));
  const partOf = (wanted: Wanted): string => `${place(wanted)}.part`;
  const recordFile = join(folder, K3S_RECORD);

  /** A damaged one is begun anew: every file is read before it is taken into it again. */
  async function files(): Promise<readonly K3sRecordFile[]> {
    const known = await readRecord(data, version);
    return known.ok ? known.value.files : [];
  }

  async function enter(entry: K3sRecordFile | undefined, name: string): Promise<void> {
    const others = (await files()).filter((file) => file.name !== name);
    const all = [...others, ...(entry === undefined ? [] : [entry])].sort((a, b) => (a.name < b.name ? -1 : 1));
    await replaceFile(recordFile, `${JSON.stringify({ version, files: all }, null, 2)}\n`, { mode: 0o644 });
  }

  async function has(wanted: Wanted, sha256: string, how: Reading): Promise<boolean> {
    const path = place(wanted);
    const name = k3sFileName(wanted.arch, wanted.kind);
    if (!(await isFile(path))) return false;
    const read = await readSum(path, { begin: 0, ...how });
    const entry = { name, ...wanted, bytes: read.bytes, sha256 };
    const isRight = read.sha256 === sha256;
    const known = (await files()).find((file) => file.name === name);
    if (isRight !== (known?.sha256 === sha256)) await enter(isRight ? entry : undefined, name);
    return isRight;
  }

  async function take(wanted: Wanted, sha256: string, how: Reading): Promise<Result<K3sRecordFile, ShelfProblem>> {
    const part = partOf(wanted);
    const read = await readSum(part, { begin: BEGINNING, ...how });
    const begins = checkBeginning(read.begin, wanted);
    if (read.sha256 !== sha256 || !begins.ok) {
      await rm(part, { force: true });
      return begins.ok ? problem('WRONG_SUM', `has the sum ${read.sha256}, and should have ${sha256}`) : begins;
    }
    const name = k3sFileName(wanted.arch, wanted.kind);
    await chmod(part, 0o644);
    await rename(part, place(wanted));
    await syncFolder(folder);
    const entry = { name, ...wanted, bytes: read.bytes, sha256 };
    await enter(entry, name);
    return ok(entry);
  }

  return {
    ...{ folder, has, partOf, take },
    record: () => readRecord(data, version),
    sums: {
      read: (name) => readFile(join(folder, name), 'utf8').catch(() => ''),
      keep: (name, text) => replaceFile(join(folder, name), text, { mode: 0o644 }),
      forget: (name) => rm(join(folder, name), { force: true }),
    },
  };
}

/** Without a folder there is a release without files. */
export async function readRecord(data: string, version: string): Promise<Result<K3sRecord, Problem>> {
  try {
    const read = parseK3sRecord(await readFile(join(k3sFolder(data, version), K3S_RECORD), 'utf8'));
    const isOther = read.ok && read.value.version !== version;
    return isOther ? problem('K3S_RECORD', `the record of ${version} is of another release: fetch it again`) : read;
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return ok({ version, files: [] });
    throw error;
  }
}

/** A copy where `partOf` says, on the disk when it settles. */
export async function copyPart(from: string, part: string): Promise<void> {
  await copyFile(from, part);
  const file = await open(part, 'r');
  await file.sync().finally(() => file.close());
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (about) => about.isFile(),
    () => false,
  );
