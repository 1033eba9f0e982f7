/** A board as the lab holds it in its hands: cable, power switch, and what its serial console says. */
import { spawn } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type BootOrder, renderBoardFile } from './board-file.ts';
import { type BoardEvent, exits, parseBoardEvent } from './events.ts';
import { device } from './link.ts';
import type { Identity } from './models.ts';
import { run } from './run.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const enter = fileURLToPath(new URL('enter.sh', import.meta.url));

export type HardwareOptions = {
  /** Of this board in this run: its host name until it has a better one, and part of log lines. */
  readonly name: string;
  readonly identity: Identity;
  /** The namespace at the other end of its cable, with the board's end as `eth0`. */
  readonly netns: string;
  /** Its own folder; whatever is in `disk.img` there is its disk. */
  readonly directory: string;
  readonly diskBytes: number;
  readonly bootOrder?: BootOrder;
  /** Compiled programs, shared by all boards of a run. */
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BoardEvent) => void;
  /** Lines of its programs that are no events: for a log file. */
  readonly onNoise?: (line: string) => void;
};

export type Hardware = {
  readonly identity: Identity;
  /** When it was switched on first. */
  readonly switchedOn: number;
  /** Off and on again, as with the plug. */
  readonly powerCycle: () => void;
  /** Settles when nothing runs on it any more. */
  readonly powerOff: () => Promise<void>;
  readonly powerOn: () => void;
  /** Whether it has power; its system may have halted all the same. */
  readonly powered: () => boolean;
  /** Settles once the signal is aborted and nothing of it is left. */
  readonly ended: Promise<void>;
};

/** Seconds a person needs to pull the plug of a Pi 3 whose ROM gave up. */
const handMillis = 1000;
const crashesAllowed = 5;

/** Makes the disk as it came from the shop unless there is one; a sparse file. */
async function prepare(options: HardwareOptions, switchedOn: number): Promise<void> {
  const { directory, identity, bootOrder = 'disk-first' } = options;
  await mkdir(join(directory, 'os'), { recursive: true });
  await writeFile(join(directory, 'board.json'), renderBoardFile({ identity, bootOrder, switchedOn }));
  const disk = await open(join(directory, 'disk.img'), 'a');
  const { size } = await disk.stat();
  if (size < options.diskBytes) await disk.truncate(options.diskBytes);
  await disk.close();
}

/** Switches the board on; it reboots by itself until the signal is aborted. */
export async function switchOn(options: HardwareOptions): Promise<Hardware> {
  const switchedOn = Date.now();
  await prepare(options, switchedOn);
  const { signal } = options;
  let powered = true;
  let cut = new AbortController();
  let switchedAgain = Promise.withResolvers<void>();
  let atRest = Promise.withResolvers<void>();
  const isSwitched = (): void => {
    switchedAgain.resolve();
    switchedAgain = Promise.withResolvers<void>();
  };
  signal.addEventListener('abort', isSwitched, { once: true });

  async function onePowerOn(): Promise<number> {
    cut = new AbortController();
    const args = [enter, options.netns, options.name, options.directory, repository, process.execPath, options.cache];
    const child = spawn('bash', [...args, 'test/lab/board/main.ts'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, cut.signal]),
      killSignal: 'SIGKILL',
    });
    child.on('error', () => undefined);
    // The board's services hold its output open; with process 1 of its namespace they all end.
    const closed = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 128)));
    createInterface(child.stderr).on('line', (line) => options.onNoise?.(line));
    createInterface(child.stdout).on('line', (line) => {
      const event = parseBoardEvent(line);
      if (event === undefined) options.onNoise?.(line);
      else {
        if (event.event === 'installed') fresh = true;
        options.onEvent(event);
      }
    });
    return await closed;
  }

  let fresh = false;
  async function live(): Promise<void> {
    let crashes = 0;
    while (!signal.aborted) {
      if (!powered) {
        atRest.resolve();
        await switchedAgain.promise;
        continue;
      }
      const code = await onePowerOn();
      if (cut.signal.aborted) atRest.resolve();
      if (signal.aborted) return;
      if (fresh) {
        // A new image on the disk: nothing of the system before it is left.
        await rm(join(options.directory, 'os'), { recursive: true, force: true });
        await mkdir(join(options.directory, 'os'));
        fresh = false;
      }
      if (code === exits.reboot || cut.signal.aborted) continue;
      if (code === exits.halted) {
        await switchedAgain.promise;
        continue;
      }
      if (code !== exits.stopped) crashes += 1;
      if (crashes > crashesAllowed) throw new Error(`${options.name} crashed ${crashes} times`);
      await sleep(handMillis, undefined, { signal }).catch(() => undefined);
    }
  }

  const ended = live();
  ended.catch(() => undefined);
  return {
    identity: options.identity,
    switchedOn,
    powerCycle: () => {
      cut.abort();
      isSwitched();
    },
    powerOff: async () => {
      if (powered) atRest = Promise.withResolvers();
      powered = false;
      // Before its programs end: they say no farewell, and its namespace does not answer in their place.
      await run('ip', ['-n', options.netns, 'link', 'set', device, 'down'], { signal });
      cut.abort();
      isSwitched();
      await Promise.race([atRest.promise, ended]);
    },
    powerOn: () => {
      powered = true;
      isSwitched();
    },
    powered: () => powered,
    ended,
  };
}
