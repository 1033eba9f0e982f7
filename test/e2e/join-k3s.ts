/**
 * Boards join a k3s server by our own driver: real systemd and sshd on machines of their own, stand-ins for `k3s server` (in
 * front of the real control plane) and `k3s agent`.
 */
import { onMaster } from './on-master.ts';
import type { Scenario } from './scenario.ts';

export const joinK3s: Scenario = (check) =>
  onMaster(check, new URL('./k3s/on-master.ts', import.meta.url), async (lan) => {
    const plugged = [11, 12].map((number) => lan.addHost({ name: `board${number}`, address: `10.77.0.${number}/24` }));
    return (await Promise.all(plugged)).map(({ netns }) => netns);
  });
