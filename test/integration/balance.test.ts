/** Balance against the real API server, controllers and scheduler; the kubelets are stand-ins. */
import test, { type ExecutionContext } from 'ava';
import type { Gate } from '../../daemon/cluster/gate.ts';
import type { ApiObject } from '../lab/control-plane/api-client.ts';
import { findAssets } from '../lab/control-plane/start.ts';
import {
  type BalanceSite,
  type DaemonNow,
  type DaemonOptions,
  isReady,
  type PodNow,
  readyByNode,
  startBalanceSite,
  until,
} from '../support/balance-site.ts';

const assets = await findAssets();
const real = assets === undefined ? test.skip : test.serial;
const deployments = '/apis/apps/v1/namespaces/default/deployments';
type Deployment = ApiObject<{ spec: { replicas: number } }>;

async function begin(t: ExecutionContext, boards: readonly string[]): Promise<BalanceSite> {
  t.timeout(180_000);
  const site = await startBalanceSite(assets ?? '');
  t.teardown(site.close);
  for (const name of boards) await site.boards.add(name);
  return site;
}

async function startDaemon(site: BalanceSite, how?: DaemonOptions): Promise<DaemonNow> {
  const daemon = site.daemon(how);
  await daemon.log.when('balance sees the cluster');
  return daemon;
}

const spreadOf = async ({ pods }: BalanceSite, app?: string) => readyByNode(await pods(app));
const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
const isSpread =
  (...counts: readonly number[]) =>
  (seen: Readonly<Record<string, number>>): boolean =>
    JSON.stringify(Object.values(seen).toSorted()) === JSON.stringify(counts);
const ended = (desk: DaemonNow['desk']) =>
  until(
    async () => desk.api.balance(),
    ({ run }) => run?.end != null,
  );

type ReadyWatch = { readonly least: (app: string) => number; readonly stop: () => Promise<void> };

/** Watches what is ready of each application; `least`: the least there was at any moment. */
async function watchReady(site: BalanceSite): Promise<ReadyWatch> {
  const stop = new AbortController();
  const ready = new Map<string, Set<string>>();
  const least = new Map<string, number>();
  const note = (pod: PodNow, isThere: boolean): void => {
    const { labels, uid = '' } = pod.metadata;
    const app = labels?.['app'] ?? '';
    const those = ready.get(app) ?? new Set();
    ready.set(app, those);
    if (isThere && isReady(pod)) those.add(uid);
    else if (those.delete(uid)) least.set(app, Math.min(least.get(app) ?? Number.POSITIVE_INFINITY, those.size));
  };
  const path = '/api/v1/namespaces/default/pods';
  const list = await site.api.call<{ items: PodNow[] }>('GET', path);
  for (const pod of list.items) note(pod, true);
  const since = `${path}?watch=true&resourceVersion=${list.metadata.resourceVersion}`;
  const done = site.api
    .watch<object>(since, stop.signal, ({ type, object }) => note(object as PodNow, type !== 'DELETED'))
    .catch(() => undefined);
  return {
    least: (app) => least.get(app) ?? ready.get(app)?.size ?? 0,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

real('replicas that are all on one board are spread when a second one joins, one at a time', async (t) => {
  const site = await begin(t, ['worker-kube1']);
  await site.deploy('web', 6);
  await until(() => spreadOf(site, 'web'), isSpread(6));
  const { desk } = await startDaemon(site);
  const watch = await watchReady(site);
  await site.boards.add('worker-kube2');
  await until(() => spreadOf(site, 'web'), isSpread(3, 3));
  await watch.stop();
  t.is(watch.least('web'), 5, 'one at a time');
  const { run } = await ended(desk);
  t.like(run, { end: 'even', landed: 3, detail: '3 pods moved' });
  const { items } = await site.api.call<{ items: { reason: string; involvedObject: { name: string } }[] }>(
    'GET',
    '/api/v1/namespaces/default/events?fieldSelector=reason%3DBrambleMoved',
  );
  t.deepEqual(
    items.map(({ involvedObject }) => involvedObject.name),
    ['worker-kube1', 'worker-kube1', 'worker-kube1'],
    'each is an Event on its Node',
  );
});

real('ten applications of one replica share two boards five to five, and none is ever without a pod', async (t) => {
  const site = await begin(t, ['worker-kube1']);
  const apps = Array.from({ length: 10 }, (_, number) => `app-${number}`);
  await Promise.all(apps.map((app) => site.deploy(app, 1)));
  await until(() => spreadOf(site), isSpread(10));
  const { desk } = await startDaemon(site);
  const watch = await watchReady(site);
  await site.boards.add('worker-kube2');
  const { run } = await ended(desk);
  t.like(run, { end: 'even', landed: 5 });
  await until(() => spreadOf(site), isSpread(5, 5));
  await watch.stop();
  for (const app of apps) t.true(watch.least(app) >= 1, `${app} was at zero`);
  const { items } = await site.api.call<{ items: Deployment[] }>('GET', deployments);
  t.deepEqual(
    items.map(({ metadata, spec }) => [spec.replicas, metadata.annotations?.['bramble.dev/surge']]),
    apps.map(() => [1, undefined]),
  );
});

real('a PodDisruptionBudget that allows nothing is waited for, and then it goes on', async (t) => {
  const site = await begin(t, ['worker-kube1']);
  await site.deploy('web', 4);
  await until(() => spreadOf(site, 'web'), isSpread(4));
  const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  const selector = { matchLabels: { app: 'web' } };
  const body = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web' } };
  await site.api.call('POST', budgets, { body: { ...body, spec: { selector, minAvailable: 4 } } });
  const { desk } = await startDaemon(site);
  await site.boards.add('worker-kube2');
  await until(
    async () => desk.api.balance(),
    ({ run }) => run !== null,
  );
  const plan = desk.api.balancePlan();
  t.true(plan.ok);
  t.deepEqual(await spreadOf(site, 'web'), { 'worker-kube1': 4 });
  await site.api.call('PATCH', `${budgets}/web`, { body: { spec: { minAvailable: 3 } }, patch: 'merge' });
  await until(() => spreadOf(site, 'web'), isSpread(2, 2));
  t.pass();
});

/** Calls of `scale` and `setDeletionCost` up to the nth go through; then the daemon is as good as dead. */
function dyingAfter(calls: number, onDeath: () => void): (gate: Gate) => Gate {
  let made = 0;
  const dead = (signal: AbortSignal): Promise<never> => {
    onDeath();
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  };
  return (gate) => ({
    ...gate,
    scale: (...args) => (++made <= calls ? gate.scale(...args) : dead(args[4])),
    setDeletionCost: (...args) => (++made <= calls ? gate.setDeletionCost(...args) : dead(args[2])),
  });
}

for (const calls of [1, 2])
  real(
    `a daemon that dies in the middle of a surge, after ${calls} of its 3 calls, leaves nothing behind`,
    async (t) => {
      const site = await begin(t, ['worker-kube1']);
      for (const app of ['one', 'two']) await site.deploy(app, 1);
      await until(() => spreadOf(site), isSpread(2));
      const death = Promise.withResolvers<void>();
      const first = await startDaemon(site, { around: dyingAfter(calls, death.resolve) });
      const watch = await watchReady(site);
      await site.boards.add('worker-kube2');
      await death.promise;
      await first.kill();
      const left = (await site.api.call<{ items: Deployment[] }>('GET', deployments)).items;
      t.deepEqual(left.map(({ spec }) => spec.replicas).toSorted(), [1, 2], 'one was left bigger');
      const { desk, log } = await startDaemon(site);
      await log.when('a surge was left by an earlier run, and is ended');
      await until(() => spreadOf(site), isSpread(1, 1));
      await ended(desk);
      const { items } = await site.api.call<{ items: Deployment[] }>('GET', deployments);
      for (const { metadata, spec } of items)
        t.deepEqual([spec.replicas, metadata.annotations?.['bramble.dev/surge']], [1, undefined]);
      await watch.stop();
      for (const app of ['one', 'two']) t.true(watch.least(app) >= 1, 'never at zero');
    },
  );

real('who scales an application while it surges has the last word', async (t) => {
  const site = await begin(t, ['worker-kube1']);
  for (const app of ['one', 'two']) await site.deploy(app, 1);
  await until(() => spreadOf(site), isSpread(2));
  let scaled: string | undefined;
  const around = (gate: Gate): Gate => ({
    ...gate,
    scale: async (deployment, from, to, note, signal) => {
      if (to < from && scaled === undefined) {
        scaled = deployment.name.split('/')[1] ?? '';
        await site.api.call('PATCH', `${deployments}/${scaled}/scale`, {
          body: { spec: { replicas: 5 } },
          patch: 'merge',
        });
      }
      return await gate.scale(deployment, from, to, note, signal);
    },
  });
  const { desk } = await startDaemon(site, { around });
  await site.boards.add('worker-kube2');
  await ended(desk);
  t.truthy(scaled);
  await until(
    () => spreadOf(site, scaled),
    (counts) => sum(counts) === 5,
  );
  const { metadata, spec } = await site.api.call<{ spec: { replicas: number } }>('GET', `${deployments}/${scaled}`);
  t.deepEqual([spec.replicas, metadata.annotations?.['bramble.dev/surge']], [5, undefined]);
  for (const pod of await site.pods(scaled))
    t.not(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'], '-1000');
});

real('a number that somebody else wrote a moment before the surge is his', async (t) => {
  const site = await begin(t, ['worker-kube1']);
  for (const app of ['one', 'two']) await site.deploy(app, 1);
  await until(() => spreadOf(site), isSpread(2));
  let scaled: string | undefined;
  const around = (gate: Gate): Gate => ({
    ...gate,
    scale: async (deployment, from, to, note, signal) => {
      if (scaled === undefined) {
        scaled = deployment.name.split('/')[1] ?? '';
        await site.api.call('PATCH', `${deployments}/${scaled}/scale`, {
          ...{ body: { spec: { replicas: 2 } }, patch: 'merge' },
        });
      }
      return await gate.scale(deployment, from, to, note, signal);
    },
  });
  const { desk } = await startDaemon(site, { around });
  await site.boards.add('worker-kube2');
  await ended(desk);
  t.truthy(scaled);
  const { metadata, spec } = await site.api.call<{ spec: { replicas: number } }>('GET', `${deployments}/${scaled}`);
  t.deepEqual([spec.replicas, metadata.annotations?.['bramble.dev/surge']], [2, undefined]);
});

real('a board that is cordoned in the middle stops it at once; what was begun comes to its end', async (t) => {
  const site = await begin(t, ['worker-kube1', 'worker-kube2']);
  await site.deploy('web', 8);
  await until(() => spreadOf(site, 'web'), isSpread(4, 4));
  let evictions = 0;
  const cordon = async (name: string, unschedulable: boolean): Promise<void> => {
    await site.api.call('PATCH', `/api/v1/nodes/${name}`, { body: { spec: { unschedulable } }, patch: 'merge' });
  };
  const around = (gate: Gate): Gate => ({
    ...gate,
    evict: async (pod, signal) => {
      evictions += 1;
      const end = await gate.evict(pod, signal);
      if (evictions === 1) await cordon('worker-kube2', true);
      return end;
    },
  });
  const { desk, log } = await startDaemon(site, { around });
  await site.boards.add('worker-kube3');
  await log.when('balance stops: a Node is not there for work any more');
  await until(
    async () => desk.api.balance().run?.moves ?? [],
    (moves) => moves.every(({ outcome }) => outcome !== 'under-way'),
  );
  t.is(evictions, 1, 'nothing was begun after it');
  t.is(desk.api.balance().state, 'settling');
  await cordon('worker-kube2', false);
  const spread = await until(() => spreadOf(site, 'web'), isSpread(2, 3, 3));
  t.is(sum(spread), 8);
});
