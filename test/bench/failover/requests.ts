/** What the daemon asks of the API server while nothing happens: fifty Nodes whose kubelets renew their Leases, as all do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, openAdmin } from '../../lab/admin.ts';
import { httpPort } from '../../lab/daemon.ts';
import { masterAddress, startLab } from '../../lab/lab.ts';
import { openWindow } from '../../lab/window.ts';

const nodes = 50;
const leasePath = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const settleMs = 60_000;
const minutesLooked = 4;

export async function requestsAtRest(say: (line: string) => void): Promise<number> {
  const ending = new AbortController();
  const { signal } = ending;
  const lab = await startLab({ controlPlane: 'auto', signal, log: () => undefined, onEvent: () => undefined });
  try {
    const page = await openWindow(lab.master.netns, { address: masterAddress, port: httpPort }, signal);
    const admin = await openAdmin(lab, signal);
    const names = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
    await Promise.all(names.map((name) => addNode(admin, name)));
    const renewing = renew(admin, names, signal);
    await sleep(settleMs);
    const before = await requestsSoFar(page);
    await sleep(minutesLooked * 60_000);
    const perMinute = ((await requestsSoFar(page)) - before) / minutesLooked;
    say(`${nodes} Nodes at rest: ${perMinute} requests a minute (${lab.controlPlane.version})`);
    ending.abort();
    await renewing;
    return perMinute;
  } finally {
    ending.abort();
    await lab.close();
  }
}

async function addNode(admin: Admin, name: string): Promise<void> {
  await admin.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  await admin.create(leasePath, {
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name } },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: now() },
  });
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'a double of a kubelet' };
  await admin.call('PATCH', `/api/v1/nodes/${name}/status`, {
    body: { status: { conditions: [{ ...ready, lastHeartbeatTime: new Date().toISOString() }] } },
    patch: 'strategic-merge',
  });
}

/** Each every ten seconds, one after another. */
async function renew(admin: Admin, names: readonly string[], signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const name = names[turn % names.length];
    const body = { spec: { renewTime: now() } };
    await admin.call('PATCH', `${leasePath}/${name}`, { body, patch: 'merge' }).catch(() => undefined);
    await sleep(10_000 / names.length, undefined, { signal }).catch(() => undefined);
  }
}

const now = (): string => new Date().toISOString().replace(/Z$/, '000Z');

async function requestsSoFar(page: string): Promise<number> {
  const metrics = await (await fetch(new URL('metrics', page))).text();
  const counts = Array.from(metrics.matchAll(/^bramble_api_requests_total(?:\{[^}]*\})? (\d+)$/gm), ([, n]) =>
    Number(n),
  );
  if (counts.length === 0) throw new Error('the daemon does not count its requests');
  return counts.reduce((sum, count) => sum + count, 0);
}
