/**
 * A real kubelet joins the real control plane by our own driver: real kubeadm, containerd and runc on a machine of its own
 * with systemd, over real sshd.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onMaster } from './on-master.ts';
import type { Scenario } from './scenario.ts';

const programs = fileURLToPath(new URL('../../.ci/control-plane', import.meta.url));

export const joinKubelet: Scenario = async (check) => {
  const kubernetes = (await promisify(execFile)(programs, ['--node'])).stdout.trim();
  await onMaster(check, new URL('./kubelet/on-master.ts', import.meta.url), async (lan) => {
    const board = await lan.addHost({ name: 'board', address: '10.77.0.11/24' });
    await board.exec(['ip', 'route', 'add', 'default', 'via', '10.77.0.1']);
    return [board.netns, kubernetes];
  });
};
