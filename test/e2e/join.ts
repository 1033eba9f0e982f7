/**
 * Joins under attack: the real daemon, the real control plane (for k3s with a stand-in for its supervisor in front) and real
 * sshd on boards in namespaces. `JOIN_SEED` repeats what was left to chance.
 */

import type { DriverName } from '../../daemon/join/driver.ts';
import { watchArguments } from '../integration/join-arguments.ts';
import { crowd } from './join/crowd.ts';
import { eachStep, firstBoard, numberOf, say } from './join/each-step.ts';
import { foreignHostKeys } from './join/host-keys.ts';
import { k3sThieves } from './join/k3s-thieves.ts';
import { nothingSecretShown } from './join/secrets.ts';
import { silentCables } from './join/silent-cables.ts';
import { openSite, type Site } from './join/site.ts';
import { stolenTokens } from './join/stolen-tokens.ts';
import { twins } from './join/twins.ts';
import { joinK3s } from './join-k3s.ts';
import { joinKubelet } from './join-kubelet.ts';
import type { Scenario } from './scenario.ts';

/** mulberry32 */
function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const joinAttacks: Scenario = async (check) => {
  const seed = Number(process.env['JOIN_SEED'] ?? Date.now() % 1_000_000);
  let hangs = { join: 0, transfer: 0 };
  say(`JOIN_SEED=${seed}`);
  const chance = chanceOf(seed);
  await withSite('kubeadm', {}, async (site) => {
    const watching = watchArguments(watchPauseMs);
    const { ready, commands } = await firstBoard(check, site);
    await eachStep(check, site, commands, { chance, all: true });
    await silentCables(check, site, commands);
    await foreignHostKeys(check, site);
    await stolenTokens(check, site, numberOf(commands, /^'kubeadm' 'join'/));
    await twins(check, site, ready);
    await nothingSecretShown(check, site, watching);
  });
  await withSite('k3s', {}, async (site) => {
    const watching = watchArguments(watchPauseMs);
    const { ready, commands } = await firstBoard(check, site);
    const start = numberOf(commands, /systemctl restart --no-block/);
    await eachStep(check, site, commands, { chance, all: false });
    await silentCables(check, site, commands);
    // Each file is looked for before it is fetched.
    const fetching = numberOf(commands, fetches, 2);
    await k3sThieves(check, site, { fetching, start }, ready);
    await nothingSecretShown(check, site, watching);
    hangs = { join: start, transfer: numberOf(commands, fetches, 4) };
  });
  await withSite('kube-config', {}, async (site) => {
    const { commands } = await firstBoard(check, site);
    // What comes after it is looked at until it is true.
    const enabled = numberOf(commands, /'enable-worker'/);
    await eachStep(check, site, commands.slice(0, enabled), { chance, all: false });
  });
  const { transfer, join } = hangs;
  await withSite('k3s', { parallel }, (site) => crowd(check, site, { parallel, transfer, join }));
  await joinK3s(check);
  await joinKubelet(check);
};

async function withSite(
  driver: DriverName,
  options: { readonly parallel?: number },
  work: (site: Site) => Promise<void>,
): Promise<void> {
  say(`${driver}:`);
  const site = await openSite(driver, options);
  try {
    await work(site);
  } finally {
    await site.close();
  }
}

const fetches = /path=\$1 bytes=\$2/;
const parallel = 4;
const watchPauseMs = 100;
