/**
 * A real kubelet joins the real control plane by our own driver: real kubeadm, containerd and runc on a machine of its own
 * with systemd, over real sshd. The scenario itself runs in the master's network.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeLan, runPrefix } from '../support/netns.ts';
import type { CheckReport } from './kubelet/on-master.ts';
import type { Scenario } from './scenario.ts';

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const joinKubelet: Scenario = async (check) => {
  const kubernetes = (await promisify(execFile)(local('../../.ci/control-plane'), ['--node'])).stdout.trim();
  const folder = await mkdtemp(join(tmpdir(), 'bramble-kubelet-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
    const board = await lan.addHost({ name: 'board', address: '10.77.0.11/24' });
    await board.exec(['ip', 'route', 'add', 'default', 'via', '10.77.0.1']);
    // Not `ip netns exec`: that hides the cgroups.
    const inside = [`--net=/run/netns/${master.netns}`, process.execPath, local('./kubelet/on-master.ts')];
    const child = spawn('nsenter', [...inside, folder, board.netns, kubernetes], {
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
