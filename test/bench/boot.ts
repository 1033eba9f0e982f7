/**
 * Power-on to Ready, with the control plane up: three boards plugged in one after another, then twenty at once. Each run
 * is a lab of its own; the figures are those of the slowest board. And an emulated machine with a blank disk: from power-on until
 * 256 MiB are written and read back, and it restarts.
 */
import { timeInstallations } from '../e2e/install/speed.ts';
import { startLab } from '../lab/lab.ts';
import type { BenchResult } from './result.ts';
import { median } from './result.ts';

const LIMIT = 300_000;

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const three = await slowest(3, runs, say);
  const twenty = await slowest(20, runs, say);
  const installations = await timeInstallations(runs, () => undefined);
  for (const { powerOnToRestart, writeAndVerify } of installations) {
    say(
      `QEMU guest: installed after ${powerOnToRestart.toFixed(1)} s, ${writeAndVerify.toFixed(1)} s of these to write and verify`,
    );
  }
  return [
    { name: 'pis3-slowest-s', unit: 's', better: 'lower', ours: median(three), peers: {} },
    { name: 'pis20-slowest-s', unit: 's', better: 'lower', ours: median(twenty), peers: {} },
    {
      ...{ name: 'qemu-install-s', unit: 's', better: 'lower', peers: {} },
      ours: median(installations.map(({ powerOnToRestart }) => powerOnToRestart)),
    },
  ];
}

async function slowest(pis: number, runs: number, say: (line: string) => void): Promise<readonly number[]> {
  const worst: number[] = [];
  for (let run = 1; run <= runs; run++) {
    const lab = await startLab({
      controlPlane: 'auto',
      signal: AbortSignal.timeout(LIMIT),
      log: () => undefined,
      onEvent: () => undefined,
    });
    try {
      await Promise.all(Array.from({ length: pis }, () => lab.plug()));
      await lab.until(() => lab.boards.every(({ state }) => state === 'ready'), AbortSignal.timeout(LIMIT));
      const seconds = lab.boards.map(({ timeline }) => timeline.ready ?? Number.POSITIVE_INFINITY);
      worst.push(Math.max(...seconds));
      const sorted = seconds.toSorted((a, b) => a - b);
      say(
        `${pis} boards, run ${run}: first ${sorted[0]} s, median ${median(seconds)} s, last ${sorted.at(-1)} s (${lab.controlPlane.version})`,
      );
    } finally {
      await lab.close();
    }
  }
  return worst;
}
