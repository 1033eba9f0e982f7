/**
 * Stand-in for the kubelet of Kubernetes 1.3, `docker run … /hyperkube kubelet`: registers under the address that it is given, and
 * is heard each half second (in truth each 10 s). On a master it starts what the manifests of hyperkube hold, one after the
 * other, once etcd is there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const flag = (name: string): string =>
  process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '';
const address = flag('hostname-override');
const isMaster = flag('api-servers') === 'http://localhost:8080';
// Boards share the loopback interface here: each has its own address on it.
const server = isMaster ? `http://${address}:8080` : flag('api-servers');
const pods = ['apiserver', 'scheduler', 'controller-manager', 'proxy'];

function startPods(): void {
  const etcd = existsSync('/run/docker-stand-in/second/kube_etcd_1');
  const running = execFileSync('docker', ['ps'], { encoding: 'utf8' });
  const next = pods.find((name) => !running.includes(`k8s_${name}`));
  if (!etcd || next === undefined) return;
  execFileSync('docker', ['run', '-d', '--name', `k8s_${next}_1`, `/hyperkube ${next}`]);
}

const call = async (method: string, path: string, body: unknown): Promise<number> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${server}${path}`, { method, headers, body: JSON.stringify(body) });
  await answer.text();
  return answer.status;
};

async function beat(): Promise<void> {
  const now = new Date().toISOString();
  const status = {
    conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: now, lastTransitionTime: now }],
    addresses: ['LegacyHostIP', 'InternalIP'].map((type) => ({ type, address })),
  };
  if ((await call('PUT', `/api/v1/nodes/${address}/status`, { status })) === 404)
    await call('POST', '/api/v1/nodes', { metadata: { name: address, labels: { 'kubernetes.io/hostname': address } } });
}

for (;;) {
  if (isMaster) startPods();
  await beat().catch(() => undefined);
  await pause(500);
}
