/** Scenarios on a LAN of their own that run in the master's network, in a process of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Check } from './scenario.ts';

/** What such a program writes on stdout, a line each. */
export type CheckReport = { readonly name: string; readonly problem?: string };

/** Runs `program` with a folder for it and what `plug` returns once the boards are there. The master is 10.77.0.1. */
export async function onMaster(
  check: Check,
  program: URL,
  plug: (lan: Lan) => Promise<readonly string[]>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-master-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
    // Not `ip netns exec`: that hides the cgroups.
    const inside = [`--net=/run/netns/${master.netns}`, process.execPath, fileURLToPath(program)];
    const child = spawn('nsenter', [...inside, folder, ...(await plug(lan))], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    for await (const line of createInterface(child.stdout)) {
      const { name, problem }: CheckReport = JSON.parse(line);
      await check(name, () => {
        if (problem !== undefined) throw new Error(problem);
      });
    }
    const [code] = await ended;
    if (code !== 0) throw new Error(`it ended with ${code}`);
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
}
