/** How long one installation takes: 256 MiB, most of them no zeros. */
import { performance } from 'node:perf_hooks';
import { smallBaseImage } from './base-image.ts';
import { assertDiskHolds, imageWhileInstalling, installed } from './installation.ts';
import { type InstallSite, makeInstallSite } from './site.ts';

export type InstallTimes = {
  /** Seconds from power-on until the board restarts into its own system. */
  readonly powerOnToRestart: number;
  /** Of these, writing and reading back. */
  readonly writeAndVerify: number;
};

/** `runs` machines, one after another. Needs root. */
export async function timeInstallations(runs: number, say: (line: string) => void): Promise<readonly InstallTimes[]> {
  const site = await makeInstallSite(await smallBaseImage(say), say, 'simulator');
  const times: InstallTimes[] = [];
  let keep = true;
  try {
    for (let run = 1; run <= runs; run++) times.push(await timeOne(site, run));
    keep = false;
  } finally {
    await site.close({ keep });
  }
  return times;
}

async function timeOne(site: InstallSite, run: number): Promise<InstallTimes> {
  const digits = String(run).padStart(2, '0');
  const machine = await site.machine({
    ...{ name: `speed-${digits}`, mac: `dc:a6:32:20:00:${digits}`, serial: `200000${digits}`, diskBytes: 2 ** 29 },
  });
  const started = performance.now();
  await machine.powerOn();
  const image = await imageWhileInstalling(site, machine);
  await installed(site, machine);
  const powerOnToRestart = (performance.now() - started) / 1000;
  await assertDiskHolds(machine, image);
  const { name } = await site.until(machine, ({ state }) => state === 'starting', 'starting', 10_000);
  const { events } = await site.lab.daemon.client.describe(name);
  const at = (state: string): number =>
    Date.parse(events.find(({ from, to }) => from !== to && to === state)?.at ?? '');
  return { powerOnToRestart, writeAndVerify: (at('starting') - at('installing')) / 1000 };
}
