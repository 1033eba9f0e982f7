/** Balance on a real control plane: the real scheduler and controllers, kubelets that are stand-ins, and our desk in this process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seconds } from '../../config/values.ts';
import { createBalanceDesk, type DeskLimits } from '../../daemon/app/keeping/balance-desk.ts';
import { createPlanner } from '../../daemon/cluster/balance/planner.ts';
import { forgetSurge, leftSurges } from '../../daemon/cluster/balance/surge-notes.ts';
import type { Gate } from '../../daemon/cluster/gate.ts';
import { openCluster } from '../../daemon/cluster/index.ts';
import type { Clock, Log } from '../../daemon/ports.ts';
import { createRests } from '../../daemon/rests.ts';
import type { Write } from '../../daemon/store/store.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { type ApiClient, type ApiObject, connect } from '../lab/control-plane/api-client.ts';
import type { ApiServer } from '../lab/control-plane/api-server.ts';
import { startControlPlane } from '../lab/control-plane/start.ts';
import { createLogDouble, type LogDouble, type LogRecord } from './doubles.ts';
import { type FakeKubelets, startFakeKubelets } from './fake-kubelets.ts';

export type PodNow = ApiObject<{
  spec: { nodeName?: string };
  status?: { phase?: string; conditions?: ReadonlyArray<{ type: string; status: string }> };
}>;

export type BalanceSite = {
  readonly api: ApiClient;
  readonly server: ApiServer;
  readonly boards: FakeKubelets;
  /** A daemon's balance, from its start to its end; what it wrote is there for the next one. */
  readonly daemon: (how?: DaemonOptions) => DaemonNow;
  readonly pods: (app?: string) => Promise<readonly PodNow[]>;
  readonly deploy: (app: string, replicas: number, spec?: Readonly<Record<string, unknown>>) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type DaemonOptions = {
  readonly mode?: 'on-change' | 'always' | 'off';
  /** Sees each call of the gate before it is made, and may hold it up or make it fail. */
  readonly around?: (gate: Gate) => Gate;
  readonly limits?: Partial<DeskLimits>;
  /** How much faster its rests go by; cool-downs and settling are counted in them. */
  readonly pace?: number;
};

export type DaemonNow = {
  readonly desk: ReturnType<typeof createBalanceDesk>;
  readonly log: LogDouble;
  /** What it logged, with when: `performance.now()`. */
  readonly stamped: readonly (LogRecord & { readonly at: number })[];
  /** As a power cut would: whatever is under way stays as it is. */
  readonly kill: () => Promise<void>;
};

export async function startBalanceSite(assets: string): Promise<BalanceSite> {
  const directory = await mkdtemp(join(tmpdir(), 'bramble-balance-'));
  const closing = new AbortController();
  const server = await startControlPlane({
    ...{ assets, directory, address: '127.0.0.1', port: 0, log: () => undefined },
    signal: new AbortController().signal,
  });
  const api = connect({ server: server.server, caPem: server.caPem, token: server.adminToken });
  const boards = startFakeKubelets({ api, signal: closing.signal });
  const settings = new Map<string, string>();
  const daemons = new Set<DaemonNow>();
  const commit = async (batch: readonly Write[]): Promise<number> => {
    for (const one of batch) {
      if (one.write === 'put-setting') settings.set(one.key, one.value);
      if (one.write === 'delete-setting') settings.delete(one.key);
    }
    return 1;
  };

  function daemon({ mode = 'on-change', around = (gate) => gate, limits, pace = 10 }: DaemonOptions = {}): DaemonNow {
    const stop = new AbortController();
    const { signal } = stop;
    const stamped: (LogRecord & { readonly at: number })[] = [];
    const log = stampingLog((record) => stamped.push({ ...record, at: performance.now() }));
    const real = { clock: systemClock, random: systemRandom, log, signal };
    const cluster = openCluster({ kubeconfig: server.adminKubeconfig, ...real });
    const quick: Clock = {
      now: systemClock.now,
      sleep: (duration, until) => sleep(duration / pace, undefined, { signal: until }),
    };
    const rests = createRests(quick, seconds(1));
    const gate = around(cluster.gate);
    const desk = createBalanceDesk({
      ...{ mode, gate, rests, log, commit, settings: new Map(settings), clock: quick, random: systemRandom },
      ...{ workloads: cluster.workloads(), planner: createPlanner(), onNotice: () => undefined },
      leftSurges: (until) => leftSurges(cluster, until),
      forgetSurge: (deployment, until) => forgetSurge(cluster, gate, deployment, until),
      ...(limits && { limits }),
    });
    const done = Promise.all([rests.follow(signal), desk.follow(signal), cluster.done]);
    const one: DaemonNow = {
      ...{ desk, log, stamped },
      kill: async () => {
        daemons.delete(one);
        stop.abort();
        await done;
      },
    };
    daemons.add(one);
    return one;
  }

  const pods: BalanceSite['pods'] = async (app) => {
    const selector = app === undefined ? '' : `?labelSelector=app%3D${app}`;
    return (await api.call<{ items: PodNow[] }>('GET', `/api/v1/namespaces/default/pods${selector}`)).items;
  };
  const deploy: BalanceSite['deploy'] = async (app, replicas, spec = {}) => {
    const labels = { app };
    const container = { name: 'httpd', image: 'httpd', resources: { requests: { cpu: '10m', memory: '16Mi' } } };
    const template = {
      metadata: { labels },
      spec: { containers: [container], automountServiceAccountToken: false, terminationGracePeriodSeconds: 1 },
    };
    const body = {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: app, labels } },
      spec: { replicas, selector: { matchLabels: labels }, template, ...spec },
    };
    await api.call('POST', '/apis/apps/v1/namespaces/default/deployments', { body });
  };

  const close = async (): Promise<void> => {
    await Promise.all([...daemons].map((one) => one.kill()));
    closing.abort();
    await boards.done;
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { api, server, boards, daemon, pods, deploy, close };
}

function stampingLog(onRecord: (record: LogRecord) => void): LogDouble {
  const log = createLogDouble();
  const stamping =
    (level: LogRecord['level']): Log['info'] =>
    (message, fields = {}) => {
      onRecord({ level, message, fields });
      log[level](message, fields);
    };
  const [debug, info, warn, error] = [stamping('debug'), stamping('info'), stamping('warn'), stamping('error')];
  return { ...log, debug, info, warn, error };
}

export const isReady = ({ metadata, status }: PodNow): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

/** Ready pods by Node. */
export function readyByNode(pods: readonly PodNow[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { spec } of pods.filter(isReady)) counts[spec.nodeName ?? '?'] = (counts[spec.nodeName ?? '?'] ?? 0) + 1;
  return counts;
}

/** Looks until it is so, or throws with what was last seen. */
export async function until<T>(look: () => Promise<T>, isSo: (seen: T) => boolean, deadlineMs = 60_000): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > end)
      throw new Error(`not so within ${deadlineMs} ms: ${JSON.stringify(seen).slice(0, 1000)}`);
    await sleep(50);
  }
}
