/**
 * Failover on the real control plane, with the daemon's own rights: what Kubernetes makes of a fence, and of a proof. Kubelets
 * are stand-ins; whether a board answers is said by a double of the probes. How long it took is told and not judged.
 */
import anyTest, { type TestFn } from 'ava';
import { must, ok } from '../../config/result.ts';
import { millis, parseDeviceId, parseHostname, seconds } from '../../config/values.ts';
import type { NodeNames } from '../../daemon/app/boards/kube-config.ts';
import { followNodes } from '../../daemon/app/boards/node-events.ts';
import { createFailoverDesk } from '../../daemon/app/keeping/failover-desk.ts';
import { failoverOwner } from '../../daemon/app/keeping/failover-owner.ts';
import { createPause } from '../../daemon/app/keeping/pause.ts';
import type { Cluster } from '../../daemon/cluster/index.ts';
import type { Device } from '../../daemon/lifecycle/device.ts';
import { createFleet, type Fleet } from '../../daemon/lifecycle/fleet.ts';
import { transition } from '../../daemon/lifecycle/transition.ts';
import type { Clock } from '../../daemon/ports.ts';
import { createRests } from '../../daemon/rests.ts';
import type { Write } from '../../daemon/store/store.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import type { ApiClient, ApiObject } from '../lab/control-plane/api-client.ts';
import { findAssets } from '../lab/control-plane/start.ts';
import { aHeardDevice, states } from '../support/boards.ts';
import { createLogDouble } from '../support/doubles.ts';
import { startFakeKubelets } from '../support/fake-kubelets.ts';
import { becomesTrue, byHand, openDaemonCluster, startPlane } from './cluster-plane.ts';

const assets = await findAssets();
const names = ['worker-kube1', 'worker-kube2', 'worker-kube3'] as const;

type Pod = ApiObject<{
  spec: { nodeName?: string };
  status: { phase: string; conditions?: readonly { type: string; status: string }[] };
}>;
type Rack = ReturnType<typeof openRack> & { readonly admin: ApiClient; readonly hand: ReturnType<typeof byHand> };
const test = anyTest as TestFn<Rack>;

if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log('NOT RUN: failover on the real control plane. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  const ends: (() => Promise<unknown>)[] = [];
  test.before(async (t) => {
    t.timeout(300_000);
    const teardown = (end: () => Promise<void>): void => void ends.unshift(end);
    const { admin, kubeconfig } = await startPlane({ log: t.log, teardown }, assets);
    const { cluster } = openDaemonCluster({ teardown }, kubeconfig);
    const life = new AbortController();
    const kubelets = startFakeKubelets({ api: admin, signal: life.signal });
    teardown(async () => {
      life.abort();
      await kubelets.done;
    });
    for (const name of names) await kubelets.add(name);
    const rack = openRack(cluster, kubelets);
    teardown(() => rack.kill());
    Object.assign(Object(t.context), { ...rack, admin, hand: byHand(admin) });
    await rack.start();
  });
  test.after.always(async () => {
    for (const end of ends) await end();
  });

  test.serial('a fence: the page runs elsewhere, and its board is let in again', async (t) => {
    t.timeout(180_000);
    const { admin, hand, cables, plug, pull, fenced, stateOf, start, kill } = t.context;
    await hand.deployment('mijn-httpd', 2);
    const pages = async (): Promise<readonly Pod[]> => podsOf(admin, 'mijn-httpd');
    await becomesTrue(
      async () => (await pages()).filter(isRunning).length === 2,
      () => 'two pages',
    );
    const [victim] = (await pages()).map(({ spec }) => spec.nodeName ?? '');
    if (victim === undefined) return t.fail();
    const isBack = async (): Promise<boolean> =>
      (await pages()).filter((pod) => isRunning(pod) && pod.spec.nodeName !== victim).length === 2;

    const pulled = performance.now();
    pull(victim);
    await becomesTrue(
      () => fenced().includes(victim),
      () => `${victim} is fenced`,
    );
    const fencedAt = performance.now();
    await becomesTrue(isBack, () => 'two pages elsewhere');
    const since = (from: number): string => ((performance.now() - from) / 1000).toFixed(1);
    t.log(
      `replacement Running ${since(pulled)} s after the cable was pulled, ${since(fencedAt)} s after the fence was seen`,
    );
    t.deepEqual(fenced(), [victim]);
    await becomesTrue(
      () => stateOf(victim) === 'unreachable',
      () => 'its board says so',
    );
    t.true((await eventsOf(admin, victim)).includes('BrambleFenced'));

    await kill();
    plug(victim);
    await start();
    await becomesTrue(
      () => fenced().length === 0,
      () => 'let in by the next daemon',
    );
    await becomesTrue(
      () => stateOf(victim) === 'ready',
      () => 'ready',
    );
    t.true((await eventsOf(admin, victim)).includes('BrambleUnfenced'));
    t.is(cables.size, names.length);
  });

  test.serial('a database waits for proof, and moves with it', async (t) => {
    t.timeout(240_000);
    const { admin, hand, pull, plug, fenced, stateOf, owner } = t.context;
    await hand.make('/apis/apps/v1/namespaces/default/statefulsets', {
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' } },
      spec: {
        ...{ replicas: 1, serviceName: 'db', selector: { matchLabels: { app: 'db' } } },
        template: {
          metadata: { labels: { app: 'db' } },
          spec: { containers: [{ name: 'db', image: 'db' }], terminationGracePeriodSeconds: 30 },
        },
      },
    });
    const database = async (): Promise<Pod | undefined> => (await podsOf(admin, 'db'))[0];
    await becomesTrue(
      async () => isRunning(await database()),
      () => 'the database runs',
    );
    const before = await database();
    const victim = before?.spec.nodeName ?? '';
    pull(victim);
    await becomesTrue(
      () => stateOf(victim) === 'waiting-for-proof',
      () => `${victim} waits`,
    );
    await becomesTrue(
      async () => (await database())?.metadata.deletionTimestamp !== undefined,
      () => 'it is to go',
    );
    t.is((await database())?.metadata.uid, before?.metadata.uid, 'nobody made it anew');
    t.true((await eventsOf(admin, victim)).includes('BrambleWaitsForProof'));

    const proven = performance.now();
    t.deepEqual(await owner().confirmOff(victim, 'anna'), {
      ok: true,
      value: { name: victim, pods: ['default/db-0'] },
    });
    const isElsewhere = async (): Promise<boolean> => {
      const now = await database();
      return isRunning(now) && now?.metadata.uid !== before?.metadata.uid && now?.spec.nodeName !== victim;
    };
    await becomesTrue(isElsewhere, () => 'the database elsewhere');
    t.log(`the database is Running ${((performance.now() - proven) / 1000).toFixed(1)} s after the proof`);
    const taints = async (): Promise<readonly string[]> => {
      const node = await admin.call<{ spec: { taints?: { key: string }[] } }>('GET', `/api/v1/nodes/${victim}`);
      return (node.spec.taints ?? []).map(({ key }) => key);
    };
    await becomesTrue(
      async () => !(await taints()).includes('node.kubernetes.io/out-of-service'),
      () => 'in service',
    );
    t.true((await taints()).includes('bramble.dev/unreachable'), 'it is still gone');
    plug(victim);
    await becomesTrue(
      () => fenced().length === 0,
      () => 'let in',
    );
  });
}

const isRunning = (pod: Pod | undefined): boolean =>
  pod?.metadata.deletionTimestamp === undefined &&
  pod?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

const podsOf = async (admin: ApiClient, app: string): Promise<readonly Pod[]> =>
  (await admin.call<{ items: Pod[] }>('GET', `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`)).items;

const eventsOf = async (admin: ApiClient, node: string): Promise<readonly string[]> => {
  const path = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D${node}`;
  return (await admin.call<{ items: { reason: string }[] }>('GET', path)).items.map(({ reason }) => reason);
};

/** Boards, and one daemon after another that keeps them; the taints on Nodes outlive it. */
function openRack(cluster: Cluster, kubelets: ReturnType<typeof startFakeKubelets>) {
  const cables = new Set<string>(names);
  const fleet: Fleet = createFleet(names.map(board));
  const settings = new Map<string, string>();
  const log = createLogDouble();
  let life = new AbortController();
  let following: Promise<unknown> = Promise.resolve();
  let owner: ReturnType<typeof failoverOwner> | undefined;

  const dispatch: Parameters<typeof createFailoverDesk>[0]['dispatch'] = async (id, event) => {
    const device = fleet.byId(id);
    if (device === undefined) throw new Error(`no board ${id}`);
    const next = transition(device, event, systemClock.now());
    fleet.put(next.device);
    return ok(next);
  };
  const commit = async (batch: readonly Write[]): Promise<number> => {
    for (const one of batch) {
      if (one.write === 'put-setting') settings.set(one.key, one.value);
      if (one.write === 'delete-setting') settings.delete(one.key);
    }
    return 1;
  };

  /** Settles when its first minute, which is hurried, is over. */
  async function start(): Promise<void> {
    life = new AbortController();
    const workloads = cluster.workloads();
    if (workloads === undefined) throw new Error('no workloads');
    await becomesTrue(workloads.synced, () => 'the cluster is read');
    let pace = 10;
    const clock: Clock = {
      now: systemClock.now,
      sleep: (duration, signal) => systemClock.sleep(millis(duration / pace), signal),
    };
    const config = { mode: 'on', after: 4 } as const;
    const rests = createRests(clock, seconds(1));
    const onNotice = (): void => undefined;
    const pause = createPause({ name: 'failover', settings, commit, onNotice, clock, rests });
    const desk = createFailoverDesk({
      ...{ config, cluster, gate: cluster.gate, observed: workloads, dispatch, settings, commit, onNotice, pause },
      probes: {
        evidence: (name) => ({ path: cables.has(name) ? 'alive' : 'silent', rounds: 1 }),
        ownLink: () => 'up',
        peer: async (name, peers) => (cables.has(name) ? 'alive' : peers.length > 0 ? 'silent' : 'unknown'),
        power: async () => 'unknown',
      },
      ...{ switchPower: undefined, boards: fleet.all, onBack: () => undefined, clock, log },
    });
    const { signal } = life;
    owner = failoverOwner({
      config,
      desk,
      pause,
      boardNamed: (name) => byName(name),
      unknown: () => undefined,
      signal: () => signal,
    });
    const nodes = { clock: systemClock, log, signal, onTurn: () => undefined };
    const named: NodeNames = { of: ({ name }) => name, boardOf: byName };
    following = Promise.all([
      desk.follow(signal),
      followNodes(cluster, { fleet, dispatch }, { ...nodes, names: named }),
    ]);
    await becomesTrue(
      () => desk.now() > 61_000,
      () => 'its first minute is over',
    );
    pace = 1;
  }
  async function kill(): Promise<void> {
    life.abort();
    await following;
  }
  const byName = (name: string): Device | undefined => fleet.all().find((one) => one.name === name);
  return {
    ...{ cables, start, kill },
    owner: () => {
      if (owner === undefined) throw new Error('no daemon');
      return owner;
    },
    pull: (name: string): void => {
      cables.delete(name);
      kubelets.pull(name);
    },
    plug: (name: string): void => {
      cables.add(name);
      void kubelets.plug(name);
    },
    fenced: (): readonly string[] =>
      cluster
        .nodes()
        .filter(({ taints }) => taints.some(({ key }) => key === 'bramble.dev/unreachable'))
        .map(({ name }) => name),
    stateOf: (name: string): string | undefined => byName(name)?.state.name,
  };
}

const board = (name: string, index: number): Device => ({
  ...aHeardDevice({ ...states.ready, quarantined: false }),
  name: must(parseHostname(name)),
  id: must(parseDeviceId(`d-${String(index).padStart(12, '0')}`)),
});
