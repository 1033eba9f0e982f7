import test, { type ExecutionContext } from 'ava';
import { ok, problem } from '../../../../config/result.ts';
import { type Millis, millis, minutes, seconds } from '../../../../config/values.ts';
import { createBalanceDesk } from '../../../../daemon/app/keeping/balance-desk.ts';
import type { WorldChange } from '../../../../daemon/cluster/balance/plan.ts';
import { createPlanner } from '../../../../daemon/cluster/balance/planner.ts';
import type { PodFacts, World } from '../../../../daemon/cluster/workloads/facts.ts';
import { createRests } from '../../../../daemon/rests.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';
import { aWorld, podFacts } from '../../../support/world.ts';

const nodes = (...names: readonly string[]) => aWorld({ nodes: names, applications: [{ name: 'web', on: { a: 4 } }] });

type Given = { readonly mode?: 'on-change' | 'always' | 'off'; readonly settings?: Map<string, string> };

/** A cluster (double) whose controllers and scheduler replace what is evicted, on the emptiest Node, at once. */
function start(t: ExecutionContext, first: World, { mode = 'on-change', settings = new Map() }: Given = {}) {
  const [stop, clock, log] = [new AbortController(), createClockDouble(), createLogDouble()];
  const rests = createRests(clock, seconds(1));
  const listeners = new Set<(change: WorldChange) => void>();
  const cluster: { world: World; heard: Millis | undefined; refuses: boolean } = {
    ...{ world: first, heard: undefined, refuses: false },
  };
  const evicted: string[] = [];
  const notices: string[] = [];
  const tell = (change: WorldChange): void => {
    for (const listener of listeners) listener(change);
  };
  const commit = async (batch: readonly Write[]): Promise<number> => {
    for (const one of batch) {
      if (one.write === 'put-setting') settings.set(one.key, one.value);
      if (one.write === 'delete-setting') settings.delete(one.key);
      if (one.write === 'append-notice') notices.push(`${one.name}: ${one.reason}`);
    }
    return 1;
  };
  const setPods = (pods: readonly PodFacts[], changed: readonly string[]): void => {
    cluster.world = { ...cluster.world, pods: new Map(pods.map((pod) => [pod.name, pod])) };
    for (const name of changed) tell({ kind: 'pod', name });
  };
  const desk = createBalanceDesk({
    ...{ mode, settings, commit, clock, rests, log, onNotice: () => undefined, random: createRandomDouble() },
    workloads: {
      world: () => cluster.world,
      age: () => millis(rests.elapsed() - (cluster.heard ?? rests.elapsed())),
      trouble: () => undefined,
      onChange: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    planner: createPlanner(),
    leftSurges: async () => ok([]),
    forgetSurge: async () => ok(undefined),
    gate: {
      evict: async ({ name }) => {
        if (cluster.refuses) return problem('API_FAILED', 'no');
        evicted.push(name);
        const pods = [...cluster.world.pods.values()];
        const gone = pods.find((pod) => pod.name === name);
        const rest = pods.filter((pod) => pod.name !== name);
        const load = (node: string): number => rest.filter((pod) => pod.node === node).length;
        const [node] = cluster.world.nodes.map((one) => one.name).toSorted((a, b) => load(a) - load(b));
        const next = podFacts({ ...gone, name: `default/web-new${evicted.length}`, uid: `new${evicted.length}`, node });
        setPods([...rest, next], [name, next.name]);
        return ok(undefined);
      },
      scale: async () => problem('CHANGED', 'not here'),
      setDeletionCost: async () => ok(undefined),
      note: async () => undefined,
    },
  });
  const done = Promise.all([rests.follow(stop.signal), desk.follow(stop.signal)]);
  const kill = async (): Promise<void> => {
    stop.abort();
    await done;
  };
  t.teardown(kill);
  const join = (name: string): void => {
    const [node] = nodes(name).nodes;
    cluster.world = { ...cluster.world, nodes: [...cluster.world.nodes, ...(node ? [node] : [])] };
    tell({ kind: 'node', name });
  };
  return { desk, clock, rests, log, cluster, evicted, notices, settings, join, kill };
}

test('after a Node has joined, and was there for 30 s: even, told, and then nothing', async (t) => {
  const { desk, clock, evicted, notices, join, settings } = start(t, nodes('a'));
  await clock.advance(seconds(60));
  t.is(desk.api.balance().state, 'idle');
  join('b');
  await clock.advance(seconds(25));
  t.like(desk.api.balance(), { state: 'settling', detail: 'b is there for work' });
  t.is(settings.get('balance.due'), 'b is there for work', 'a daemon that is started again goes on');
  t.deepEqual(evicted, []);
  await clock.advance(seconds(20));
  t.is(evicted.length, 2);
  t.like(desk.api.balance(), { state: 'idle', run: { end: 'even', landed: 2, detail: '2 pods moved' } });
  t.is(notices.at(-1), 'balance-finished: pods are even: 2 moved');
  t.deepEqual([...settings], []);
  await clock.advance(minutes(10));
  t.is(evicted.length, 2);
});

test('what was uneven at the start is nobody’s business, unless he asks, or balance is always on', async (t) => {
  const still = start(t, nodes('a', 'b'));
  await still.clock.advance(minutes(10));
  t.deepEqual(still.evicted, []);
  t.true((await still.desk.api.askBalance({ action: 'run', by: 'anna' })).ok);
  await still.clock.advance(seconds(10));
  t.is(still.evicted.length, 2);
  const always = start(t, nodes('a', 'b'), { mode: 'always' });
  await always.clock.advance(seconds(50));
  t.deepEqual(always.evicted, []);
  await always.clock.advance(seconds(40));
  t.is(always.evicted.length, 2);
  const off = start(t, nodes('a'), { mode: 'off' });
  await off.clock.advance(seconds(10));
  off.join('b');
  off.desk.request('a test');
  await off.clock.advance(minutes(10));
  t.deepEqual(off.evicted, []);
});

test('paused: nothing, also after a restart; then it goes on', async (t) => {
  const first = start(t, nodes('a'));
  await first.clock.advance(seconds(5));
  t.true((await first.desk.api.askBalance({ action: 'pause', by: 'anna', seconds: 3600 })).ok);
  first.join('b');
  await first.clock.advance(minutes(2));
  t.deepEqual(first.evicted, []);
  t.deepEqual(first.desk.advice(), ['balance is paused for 58 min more, by anna: bramble balance resume']);
  t.like(await first.desk.api.askBalance({ action: 'run', by: 'anna' }), { ok: false, error: { code: 'CONFLICT' } });
  await first.kill();
  const second = start(t, nodes('a', 'b'), { settings: first.settings });
  await second.clock.advance(minutes(5));
  t.is(second.desk.api.balance().state, 'paused');
  t.deepEqual(second.evicted, []);
  t.true((await second.desk.api.askBalance({ action: 'resume', by: 'anna' })).ok);
  await second.clock.advance(seconds(10));
  t.is(second.evicted.length, 2, 'what it had to do before');
  t.deepEqual(second.desk.advice(), []);
});

test('held by another part of the daemon for as long as that works', async (t) => {
  const { desk, clock, evicted, join } = start(t, nodes('a'));
  await clock.advance(seconds(5));
  const release = desk.pause('b is being drained');
  join('b');
  await clock.advance(minutes(2));
  t.like(desk.api.balance(), { state: 'paused', detail: 'b is being drained', paused: null });
  t.deepEqual(evicted, []);
  release();
  await clock.advance(seconds(10));
  t.is(evicted.length, 2);
});

test('nothing on what was heard long ago, and the status says so', async (t) => {
  const { desk, clock, evicted, join, cluster, rests } = start(t, nodes('a'));
  await clock.advance(seconds(5));
  join('b');
  await clock.advance(seconds(10));
  cluster.heard = rests.elapsed();
  await clock.advance(minutes(5));
  t.deepEqual(evicted, []);
  t.is(desk.api.balance().state, 'deaf');
  t.regex(desk.advice()[0] ?? '', /^balance waits: the API server was last heard 300 s ago/);
  t.like(desk.api.balancePlan(), { ok: false, error: { code: 'NOT_READY' } });
  cluster.heard = undefined;
  await clock.advance(seconds(60));
  t.is(evicted.length, 2);
});

test('a Node that goes stops it at once, for as long as a new one is watched', async (t) => {
  const { desk, clock, evicted, join, cluster } = start(t, nodes('a', 'c'));
  await clock.advance(seconds(5));
  join('b');
  await clock.advance(seconds(28));
  cluster.world = { ...cluster.world, nodes: cluster.world.nodes.filter(({ name }) => name !== 'c') };
  await clock.advance(seconds(20));
  t.deepEqual(evicted, []);
  t.is(desk.api.balance().state, 'settling');
  await clock.advance(seconds(30));
  t.is(evicted.length, 2);
});

test('an API that refuses: the owner is left alone for longer each time, and the run waits', async (t) => {
  const { desk, clock, log, join, cluster } = start(t, nodes('a'));
  cluster.refuses = true;
  await clock.advance(seconds(5));
  join('b');
  await clock.advance(minutes(3));
  const tries = () => log.records.filter(({ message }) => message === 'a move begins').length;
  t.is(tries(), 1);
  t.is(desk.api.balance().state, 'waiting');
  await clock.advance(minutes(4));
  t.is(tries(), 2);
  await clock.advance(minutes(8));
  t.is(tries(), 2);
});
