/** A real control plane without kubelets: Nodes and pods are written into it, and are what a test says they are. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openCluster } from '../../daemon/cluster/index.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { type ApiClient, type ApiObject, connect } from '../lab/control-plane/api-client.ts';
import { startControlPlane } from '../lab/control-plane/start.ts';
import { createLogDouble } from '../support/doubles.ts';

type Teardown = Pick<ExecutionContext, 'log'> & { readonly teardown: (end: () => Promise<void>) => void };

/** Its own directory and ports; all of it ends with the test. `restart`: the same cluster comes back. */
export async function startPlane(t: Teardown, assets: string) {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-plane-'));
  const { signal } = new AbortController();
  const start = (port: number) =>
    startControlPlane({ address: '127.0.0.1', port, signal, assets, directory, log: (line) => t.log(line) });
  let plane = await start(0);
  t.teardown(async () => {
    await plane.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const { server, caPem, adminToken: token } = plane;
  const admin = connect({ server, caPem, token });
  return {
    admin,
    kubeconfig: plane.daemonKubeconfig,
    stop: () => plane.stop(),
    restart: async () => {
      admin.reset();
      plane = await start(Number(new URL(server).port));
    },
  };
}

/** The daemon's own client, with the daemon's own rights. */
export function openDaemonCluster(t: { readonly teardown: (end: () => Promise<void>) => void }, kubeconfig: string) {
  const closing = new AbortController();
  const log = createLogDouble();
  const cluster = openCluster({
    ...{ kubeconfig, log, signal: closing.signal },
    ...{ clock: systemClock, random: systemRandom },
  });
  t.teardown(async () => {
    closing.abort();
    await cluster.done;
  });
  return { cluster, log };
}

/** Settles once it holds. `told`: what to say if it never does. */
export async function becomesTrue(holds: () => boolean | Promise<boolean>, told: () => string): Promise<void> {
  const deadline = AbortSignal.timeout(60_000);
  while (!(await holds())) {
    if (deadline.aborted) throw new Error(`in vain: ${told()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export type Made = ApiObject<{ spec: Record<string, unknown>; status?: Record<string, unknown> }>;

export const nodePath = (name: string): string => `/api/v1/nodes/${name}`;
export const podPath = (name: string): string => `/api/v1/namespaces/default/pods/${name}`;

const template = (labels: Readonly<Record<string, string>>) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'page', image: 'page' }], terminationGracePeriodSeconds: 0 },
});

/** What is written into the cluster by hand. */
export function byHand(admin: ApiClient) {
  const make = (path: string, body: unknown): Promise<Made> => admin.call('POST', path, { body });
  return {
    node: async (name: string, more: { readonly labels?: object; readonly taints?: readonly object[] } = {}) => {
      const metadata = { name, labels: { 'kubernetes.io/hostname': name, ...more.labels } };
      const node = await make('/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata,
        spec: { taints: more.taints },
      });
      const status = {
        capacity: { cpu: '4', memory: '4Gi', pods: '110' },
        allocatable: { cpu: '4', memory: '4Gi', pods: '110' },
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Test', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      };
      await admin.call('PATCH', `${nodePath(name)}/status`, { body: { status }, patch: 'strategic-merge' });
      return { name, uid: node.metadata.uid ?? '' };
    },
    /** Bound to the Node, Running and Ready. */
    pod: async (name: string, nodeName: string, labels: Readonly<Record<string, string>> = {}) => {
      const { spec, metadata } = template(labels);
      const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec: { ...spec, nodeName } };
      const pod = await make('/api/v1/namespaces/default/pods', body);
      const conditions = [{ type: 'Ready', status: 'True' }];
      await admin.call('PATCH', `${podPath(name)}/status`, {
        body: { status: { phase: 'Running', conditions } },
        patch: 'strategic-merge',
      });
      return { name: `default/${name}`, uid: pod.metadata.uid ?? '' };
    },
    deployment: async (name: string, replicas: number, metadata: object = {}) => {
      const labels = { app: name };
      const body = {
        ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, ...metadata } },
        spec: { replicas, selector: { matchLabels: labels }, template: template(labels) },
      };
      const made = await make('/apis/apps/v1/namespaces/default/deployments', body);
      return { name: `default/${name}`, uid: made.metadata.uid ?? '' };
    },
    budget: (name: string, app: string, minAvailable: number) =>
      make('/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
        ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name } },
        spec: { minAvailable, selector: { matchLabels: { app } } },
      }),
    make,
  };
}
