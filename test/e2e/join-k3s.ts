/**
 * Boards join a k3s server by our own driver: real systemd and sshd on machines of their own, stand-ins for `k3s server` (in
 * front of the real control plane) and `k3s agent`. The scenario itself runs in the master's network.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeLan, runPrefix } from '../support/netns.ts';
import type { CheckReport } from './k3s/on-master.ts';
import type { Scenario } from './scenario.ts';

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const joinK3s: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-k3s-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
    const boards = await Promise.all(
      [11, 12].map((number) => lan.addHost({ name: `board${number}`, address: `10.77.0.${number}/24` })),
    );
    // Not `ip netns exec`: that hides the cgroups.
    const inside = [`--net=/run/netns/${master.netns}`, process.execPath, local('./k3s/on-master.ts')];
    const child = spawn('nsenter', [...inside, folder, ...boards.map(({ netns }) => netns)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
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
};
