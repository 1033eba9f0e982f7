/** A daemon behind the boot endpoints that knows one board, and the real installer run by busybox against it. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { type Mac, parseIpv4, seconds } from '../../config/values.ts';
import type { BootClaim } from '../../daemon/http/claim.ts';
import {
  type BootDeps,
  bootApi,
  type Progress,
  type SectorsPayload,
  sectorIndex,
} from '../../daemon/http/endpoints/boot.ts';
import type { BootInstruction } from '../../daemon/http/order.ts';
import { daemonProof } from '../../daemon/http/proof.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import type { ByteSource, Log } from '../../daemon/ports.ts';
import { memorySource } from '../../image-builder/index.ts';
import { showDisk } from '../support/board-disks.ts';

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

/** Of board and daemon. */
export const KEY = Buffer.from('00ff0a255c7f80018d9e10203040506070809fafbfcfdfef0d0a0908075b2527', 'hex');

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export type BootFake = BootDeps & {
  readonly claims: BootClaim[];
  readonly opened: number[];
  readonly progressed: Progress[];
  readonly failures: { readonly code: string; readonly detail: string }[];
  readonly installations: string[];
  readonly wipes: string[];
  readonly logs: { readonly mac: Mac; readonly text: string }[];
};

/** Answers each report with the next of `script`, the last one for ever. `open` may spoil the base. */
export function bootFake(options: {
  readonly script: readonly ((claim: BootClaim) => BootInstruction)[];
  readonly base?: Uint8Array;
  readonly payload?: SectorsPayload;
  /** What a daemon proves that is not the board's, or that somebody meddles with. `reports`: how many there were. */
  readonly prove?: (text: Parameters<BootDeps['prove']>[1], reports: number) => string;
  readonly open?: (source: ByteSource, opening: number) => ByteSource;
}): BootFake {
  const base = options.base ?? new Uint8Array(0);
  const fake: BootFake = {
    claims: [],
    opened: [],
    progressed: [],
    failures: [],
    installations: [],
    wipes: [],
    logs: [],
    clusterId: 'c',
    prove: (_, text) => options.prove?.(text, fake.claims.length) ?? daemonProof(KEY, text),
    report: async (claim) => {
      fake.claims.push(claim);
      const answer = options.script[Math.min(fake.claims.length, options.script.length) - 1];
      if (answer === undefined) throw new Error('the script is empty');
      return answer(claim);
    },
    openBase: async (digest) => {
      if (digest !== sha256(base)) return undefined;
      fake.opened.push(fake.opened.length);
      const source = memorySource(base);
      return options.open?.(source, fake.opened.length) ?? source;
    },
    sectors: async (arming) => (arming === 'arm-1' ? options.payload : undefined),
    progress: async (arming, bytes) => fake.progressed.push(bytes) > 0 && arming === 'arm-1',
    installed: async (arming, digest) => fake.installations.push(digest) > 0 && arming === 'arm-1',
    failed: async (arming, code, detail) => fake.failures.push({ code, detail }) > 0 && arming === 'arm-1',
    wiped: async (arming, how) => fake.wipes.push(how) > 0 && arming === 'arm-1',
    log: async (mac, text) => fake.logs.push({ mac, text }) > 0,
  };
  return fake;
}

export const wait = (nonce?: string): BootInstruction => ({
  action: 'wait',
  state: 'pending',
  message: 'bramble accept worker-kube1',
  retry: seconds(1),
  ...(nonce !== undefined && { nonce }),
});
export const installOf = (
  base: Uint8Array,
  payload: SectorsPayload,
  changes: Partial<Extract<BootInstruction, { action: 'install' }>> = {},
): BootInstruction => ({
  action: 'install',
  state: 'installing',
  message: 'writing',
  arming: 'arm-1',
  disk: 'mmcblk0',
  base: { sha256: sha256(base), bytes: base.length },
  sectorsSha256: sha256(Buffer.from(sectorIndex(payload))),
  ...changes,
});
export const boot: BootInstruction = { action: 'boot', state: 'starting', message: 'done', disk: '' };
export const stop: BootInstruction = { action: 'stop', state: 'rejected', message: 'the owner said no' };

/** Pseudo-random, so that a byte in a wrong place shows; sector 0 is zero, as in every base. */
export function baseOf(bytes: number): Uint8Array {
  const base = new Uint8Array(bytes);
  let seed = 0x2545f491;
  for (let at = 512; at < bytes; at += 1) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    base[at] = seed >>> 24;
  }
  return base;
}

/** Stops with the test, if not before. */
export type Served = { readonly url: string; readonly port: number; readonly stop: () => Promise<void> };

export async function serveFake(t: ExecutionContext, fake: BootFake): Promise<string> {
  return (await serveFakeAt(t, fake, '127.0.0.1', 0)).url;
}

export async function serveFakeAt(t: ExecutionContext, fake: BootFake, address: string, port: number): Promise<Served> {
  const stopped = new AbortController();
  const listen = { address: must(parseIpv4(address)), port };
  const server = must(
    await serveHttp({ listen, routes: bootApi(fake), log: silentLog, signal: stopped.signal, idle: seconds(20) }),
  );
  const stop = async (): Promise<void> => {
    stopped.abort();
    await server.closed;
  };
  t.teardown(stop);
  return { url: `http://${address}:${server.port}`, port: server.port, stop };
}

export async function emptyFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-installer-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An SD card, mmcblk0. */
export async function diskOf(folder: string, bytes: number, start?: Uint8Array | string): Promise<string> {
  const disk = join(folder, 'disk');
  await writeFile(disk, start ?? '');
  await truncate(disk, bytes);
  await showDisk(folder, { name: 'mmcblk0', file: disk, mmc: 'SD' });
  return disk;
}

const script = fileURLToPath(new URL('../../image-builder/installer/bramble-installer', import.meta.url));
/** Sourced before the script where `RECORD` names a folder. */
const recorder = fileURLToPath(new URL('../support/record-writes.sh', import.meta.url));
const applets =
  'awk blkdiscard cat cmp cut dd grep head hexdump ip kill mkdir mkfifo printf readlink rm sed sh sha256sum sleep stat sync tail timeout tr wc wget';

/** Arguments of the installer in `folder` and of all programs that it has running. */
export function runningArguments(folder: string): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      return environment.includes(`BRAMBLE_WORK=${folder}/`) ? [args] : [];
    } catch {
      return [];
    }
  });
}

export type InstallerRun = { readonly code: number | null; readonly log: string; readonly rebooted: boolean };

/** Runs the installer with busybox and nothing else in its PATH, over the disks of `folder` (`showDisk`), until it ends; 60 s at most. */
export async function runInstaller(
  t: ExecutionContext,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<InstallerRun> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const applet of applets.split(' ')) await symlink('/bin/busybox', join(bin, applet)).catch(() => undefined);
  const rebooted = join(folder, 'rebooted');
  const args = !('RECORD' in env) ? [script] : ['-c', `. ${recorder}; . "$0"`, script];
  const child = spawn(join(bin, 'sh'), args, {
    env: {
      PATH: bin,
      BRAMBLE_MAC: 'DC:A6:32:01:02:03',
      BRAMBLE_SERIAL: '10000000abcdef01',
      BRAMBLE_MODEL: 'Raspberry Pi 4 Model B Rev 1.4',
      BRAMBLE_SOURCE: 'netboot',
      BRAMBLE_KEY: KEY.toString('hex'),
      BRAMBLE_SYS: join(folder, 'sys'),
      BRAMBLE_DEV: join(folder, 'dev'),
      BRAMBLE_WORK: join(folder, 'work'),
      BRAMBLE_PAUSE: '0',
      BRAMBLE_REBOOT: `echo yes >${rebooted}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that its wget and dd end with it.
    detached: true,
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  t.teardown(end);
  const deadline = setTimeout(end, 60_000);
  const code = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  clearTimeout(deadline);
  const done = await readFile(rebooted, 'utf8').catch(() => '');
  return { code, log, rebooted: done === 'yes\n' };
}
