/** A master whose data directory is a small disk of its own, and boards beside it. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Daemon, launcher, startDaemon } from '../../support/daemon.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../../support/netns.ts';
import { finish, type Running, startProgram } from '../../support/program.ts';
import type { Check } from '../scenario.ts';

export type Stage = { readonly check: Check; readonly say: (line: string) => void };

export type Site = {
  readonly folder: string;
  readonly data: string;
  readonly lan: Lan;
  readonly master: Host;
  readonly shelf: Host;
  readonly start: () => Promise<Daemon>;
  /** See `survive-boards/main.ts`. */
  readonly boards: (known: number, every: number, most: number) => Running;
  readonly close: () => Promise<void>;
};

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs a program of this machine to its end; throws what it said if that is not a good one. */
export async function run(...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await finish(startProgram(command), { deadlineMs: 60_000 });
  if (code !== 0) throw new Error(`${command.join(' ')}: ${code}, ${stderr}`);
  return stdout;
}

/** `isOwnDisk`: `data` is to be mounted by the caller, and is unmounted here. */
export async function site({ isOwnDisk = false } = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-survive-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/20' });
  const shelf = await lan.addHost({ name: 'shelf' });
  const mount = join(folder, 'disk');
  await mkdir(mount);
  const data = join(mount, 'data');
  return {
    ...{ folder, data, lan, master, shelf },
    start: () => startDaemon(master, folder, '10.77.4.0-10.77.8.255', { data, pending: { max: 1000 } }),
    boards: (...counts) =>
      shelf.spawn([
        launcher,
        'eth0',
        'udp:68',
        '--',
        process.execPath,
        file('../survive-boards/main.ts'),
        ...counts.map(String),
      ]),
    close: async () => {
      await lan.close();
      if (isOwnDisk) await run('umount', mount).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The addresses that each board was offered. */
export function offers(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  // A line may be half written.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const [mac, address] = line.split(' ');
    if (mac !== undefined && address !== undefined) found.set(mac, (found.get(mac) ?? new Set()).add(address));
  }
  return found;
}

/** Looks every 100 ms; throws at the deadline. */
export async function becomes<T>(look: () => Promise<T | undefined>, what: string, deadlineMs = 60_000): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await delay(100);
  }
}

export type Ready = { readonly status: number; readonly text: string };
/** What `/readyz` says. */
export async function readyz({ master, folder }: Site): Promise<Ready> {
  const url = ['--unix-socket', join(folder, 'sock'), 'http://brambled/readyz'];
  const { stdout } = await master.exec(['curl', '-s', '-w', '\n%{http_code}', ...url]);
  return { status: Number(stdout.slice(stdout.lastIndexOf('\n'))), text: stdout };
}

/** Boards that a story begins with. */
export const known = 5;
export type Addresses = ReadonlyMap<string, ReadonlySet<string>>;

export async function firstAddresses(place: Pick<Site, 'boards'>): Promise<Addresses> {
  const boards = place.boards(known, 100_000, known);
  const found = await boards.waitUntil(() => {
    const now = offers(boards.stdout());
    return now.size === known ? now : undefined;
  }, 'boards that are offered an address');
  await boards.kill();
  return found;
}

export async function sameAddresses(place: Pick<Site, 'boards'>, first: Addresses): Promise<void> {
  const boards = place.boards(known, 100_000, known);
  const again = await boards.waitUntil(
    () => {
      const now = offers(boards.stdout());
      return [...first.keys()].every((mac) => now.has(mac)) ? now : undefined;
    },
    'every board that is known is answered',
    60_000,
  );
  await boards.kill();
  for (const [mac, addresses] of first) assert.deepEqual(again.get(mac), addresses, mac);
}
