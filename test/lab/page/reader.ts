/** A reader of the page on a machine of his own on the boards' network. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../lab.ts';
import type { Fetch } from './fetches.ts';

const program = fileURLToPath(new URL('reader/main.ts', import.meta.url));

export type Reader = {
  /** So far, in the order of their ends. */
  readonly fetches: readonly Fetch[];
  /** Settles with the first that is so; it may be one of before. Rejects after `seconds`. */
  readonly until: (what: string, seconds: number, holds: (fetch: Fetch) => boolean) => Promise<Fetch>;
};

/** Of the same clock as `Fetch.at`. */
export const monotonicNow = (): number => Number(process.hrtime.bigint()) / 1e6;

const lookMs = 20;

/** It reads until the signal is aborted. */
export async function startReader(lab: Pick<Lab, 'lan'>, url: string, signal: AbortSignal): Promise<Reader> {
  const host = await lab.lan.addHost({ name: 'reader', address: '10.77.0.9/24' });
  const inside = ['netns', 'exec', host.netns, 'setpriv', '--pdeathsig', 'KILL', process.execPath, program, url];
  const child = spawn('ip', inside, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  child.on('error', () => undefined);
  const fetches: Fetch[] = [];
  createInterface(child.stdout).on('line', (line) => fetches.push(JSON.parse(line) as Fetch));
  return {
    fetches,
    until: async (what, seconds, holds) => {
      const deadline = monotonicNow() + seconds * 1000;
      for (;;) {
        const found = fetches.find(holds);
        if (found !== undefined) return found;
        if (monotonicNow() > deadline) throw new Error(`${seconds} s went by without: ${what}`);
        await sleep(lookMs, undefined, { signal });
      }
    },
  };
}
