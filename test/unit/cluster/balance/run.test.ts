import test from 'ava';
import { ok, problem, type Result } from '../../../../config/result.ts';
import { type Millis, millis, minutes, seconds } from '../../../../config/values.ts';
import {
  cooldownLimits,
  heldUntil,
  landed,
  left,
  missed,
  noCooldown,
  pruned,
} from '../../../../daemon/cluster/balance/cooldown.ts';
import {
  afterEviction,
  beginEviction,
  type Eviction,
  stepEviction,
} from '../../../../daemon/cluster/balance/eviction.ts';
import { askAgainAfter, type FlightEnd, flightLimits } from '../../../../daemon/cluster/balance/flight.ts';
import type { Move, Plan } from '../../../../daemon/cluster/balance/plan.ts';
import { planBalance } from '../../../../daemon/cluster/balance/planner.ts';
import {
  atOnce,
  began,
  beginRun,
  choose,
  ended,
  type Flight,
  judged,
  type Moving,
  nothingMoving,
  runEnd,
  runLimits,
} from '../../../../daemon/cluster/balance/run.ts';
import type { GateProblem } from '../../../../daemon/cluster/gate.ts';
import { aWorld, ownerFacts, podFacts } from '../../../support/world.ts';

const now = millis(0);
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);
const running = (plan: Plan): Moving => ({ ...nothingMoving, run: beginRun('a test', plan, now) });
const chosen = (flights: readonly Flight[]): readonly string[] => flights.map(({ move }) => move.title);

test('one move per owner, and a tenth of the nodes in all', (t) => {
  t.deepEqual([1, 2, 19, 20, 50].map(atOnce), [1, 1, 1, 2, 5]);
  const world = aWorld({
    nodes: names(30),
    applications: ['a', 'b', 'c', 'd'].map((name) => ({ name, on: { n0: 4, n1: 4 } })),
  });
  const plan = planBalance(world);
  const { begin } = choose(plan, world, running(plan), { now, nodes: 30, limits: runLimits });
  t.is(begin.length, 3);
  t.is(new Set(chosen(begin)).size, 3);
  const moving = began(running(plan), begin, now);
  t.deepEqual(choose(plan, world, moving, { now, nodes: 30, limits: runLimits }).begin, [], 'no room');
  const more = choose(plan, world, moving, { now, nodes: 100, limits: runLimits });
  t.is(new Set([...chosen(begin), ...chosen(more.begin)]).size, 4, 'the fourth owner, and none twice');
});

test('a budget has one pod under way', (t) => {
  const selector = { matchLabels: { app: 'a' }, matchExpressions: [] };
  const world = aWorld({
    nodes: names(40),
    applications: ['a', 'b'].map((name) => ({ name, on: { n0: 4, n1: 4 }, pod: { labels: { app: 'a' } } })),
    budgets: [{ name: 'default/both', selector, allowed: 3 }],
  });
  const plan = planBalance(world);
  t.true(plan.moves.length > 1);
  t.is(choose(plan, world, running(plan), { now, nodes: 40, limits: runLimits }).begin.length, 1);
});

const world = aWorld({ nodes: ['a', 'b', 'c'], applications: [{ name: 'web', on: { a: 4 } }] });
const plan = planBalance(world);
const [move] = plan.moves as readonly [Move, ...Move[]];
const pods = [...world.pods.values()];
const owner = world.owners.get(move.owner);
const asking = beginEviction(move, now);
const look = (changes: object = {}) => ({ owner, pods, halted: false, now, limits: flightLimits, ...changes });

test('an eviction is asked for as long as it makes sense', (t) => {
  t.deepEqual(stepEviction(asking, look()).deed, { deed: 'evict', pod: move.pod });
  const why = (changes: object): FlightEnd | undefined => stepEviction(asking, look(changes)).end;
  t.is(why({ halted: true })?.end, 'overtaken');
  t.is(why({ owner: undefined })?.end, 'overtaken');
  t.is(why({ owner: ownerFacts({ name: 'default/web', rolling: true }) })?.end, 'overtaken');
  t.is(why({ pods: [] })?.end, 'overtaken');
  const others = pods.map((pod) => (pod.uid === move.pod.uid ? pod : { ...pod, ready: false }));
  t.like(why({ pods: others }), { end: 'overtaken', why: 'no other pod of its owner is ready' });
  t.is(why({ now: minutes(15) })?.end, 'missed');
});

test('what the Eviction API answers', (t) => {
  const after = (result: Result<void, GateProblem>, flight: Eviction = asking) =>
    afterEviction(flight, result, { now, limits: flightLimits, fraction: 0 });
  t.is(after(ok(undefined)).flight?.stage.name, 'land');
  for (const code of ['REPLACED', 'API_NOT_FOUND', 'API_CONFLICT', 'CHANGED'] as const)
    t.is(after(problem(code, 'x')).end?.end, 'overtaken', code);
  for (const code of ['SEVERAL_BUDGETS', 'API_FORBIDDEN'] as const) t.is(after(problem(code, 'x')).end?.end, 'missed');
  const waits = after({ ok: false, error: { code: 'BUDGET', detail: 'x', retryAfter: seconds(40) } }).flight;
  t.like(waits?.stage, { name: 'ask', tries: 1, notBefore: seconds(40) });
  t.is(waits && stepEviction(waits, look({ now: seconds(39) })).deed, undefined);
  t.deepEqual(waits && stepEviction(waits, look({ now: seconds(40) })).deed, { deed: 'evict', pod: move.pod });
});

test('asked again after 5 s to 2 min, longer each time, never sooner than the server said', (t) => {
  const waits = [0, 1, 2, 3, 4, 9].map((tries) => askAgainAfter(tries, undefined, 0.999, flightLimits) / 1000);
  t.deepEqual(waits.map(Math.round), [10, 20, 40, 80, 120, 120]);
  for (let tries = 0; tries < 10; tries++) t.true(askAgainAfter(tries, undefined, 0, flightLimits) >= seconds(5));
  t.is(askAgainAfter(0, seconds(30), 0, flightLimits), seconds(30));
  t.is(askAgainAfter(0, minutes(60), 0, flightLimits), minutes(2));
});

test('a replacement has landed once it was ready for as long as its owner wants', (t) => {
  const step = stepEviction(asking, look());
  const flying = afterEviction(step.flight ?? asking, ok(undefined), { now, limits: flightLimits, fraction: 0 }).flight;
  const rest = pods.filter(({ uid }) => uid !== move.pod.uid);
  const replacement = podFacts({
    name: 'default/web-9',
    node: 'b',
    owner: { kind: 'ReplicaSet', uid: move.owner, name: '' },
  });
  const slow = owner && { ...owner, minReadySeconds: 10 };
  const at = (flight: Eviction | undefined, changes: object) =>
    flight && stepEviction(flight, look({ owner: slow, ...changes }));
  const seen = at(flying, { pods: [...rest, replacement], now: seconds(1) })?.flight;
  t.is(at(seen, { pods: [...rest, replacement], now: seconds(10) })?.end, undefined);
  t.deepEqual(at(seen, { pods: [...rest, replacement], now: seconds(11) })?.end, { end: 'landed', node: 'b' });
  const fell = at(seen, { pods: [...rest, { ...replacement, ready: false }], now: seconds(5) })?.flight;
  t.is(at(fell, { pods: [...rest, replacement], now: seconds(11) })?.end, undefined, 'counted anew');
  t.is(at(flying, { pods: rest, now: seconds(299) })?.end, undefined);
  t.is(at(flying, { pods: rest, now: seconds(300) })?.end?.end, 'missed');
  t.is(
    at(flying, { pods: rest, owner: owner && { ...owner, replicas: 3 } })?.end?.end,
    'overtaken',
    'scaled down meanwhile',
  );
});

test('a pod that came elsewhere is judged by the counts', (t) => {
  const on = (spread: Record<string, number>) =>
    aWorld({ nodes: ['a', 'b', 'c'], applications: [{ name: 'web', on: spread }] });
  const end = (node: string, spread: Record<string, number>) =>
    judged({ ...move, to: 'b' }, { end: 'landed', node }, on(spread)).end;
  t.is(end('b', { a: 3, b: 1 }), 'landed');
  t.is(end('c', { a: 3, c: 1 }), 'landed', 'elsewhere, and as good');
  t.is(end('a', { a: 4 }), 'missed', 'it came back');
  t.is(end('c', { a: 1, c: 2 }), 'missed', 'it changed nothing but the place');
});

test('cool-downs: not back where it came from, not off where it came to, longer after each miss', (t) => {
  const way = { owner: 'o', from: 'a', to: 'b' };
  const later = landed(left(noCooldown, 'o', 'a', now, cooldownLimits), 'o', 'b', now, cooldownLimits);
  t.is(heldUntil(later, way, now), undefined, 'another one the same way');
  t.is(heldUntil(later, { owner: 'o', from: 'b', to: 'c' }, now), minutes(5));
  t.is(heldUntil(later, { owner: 'o', from: 'c', to: 'a' }, now), minutes(5));
  t.is(heldUntil(later, { owner: 'o', from: 'b', to: 'c' }, minutes(5)), undefined);
  t.is(heldUntil(later, { owner: 'p', from: 'b', to: 'a' }, now), undefined);
  let cooldown = noCooldown;
  const waits: Millis[] = [];
  for (let misses = 0; misses < 9; misses++) {
    cooldown = missed(cooldown, 'o', now, cooldownLimits);
    waits.push(heldUntil(cooldown, way, now) ?? now);
  }
  t.deepEqual(
    waits.map((wait) => wait / 60_000),
    [5, 10, 20, 40, 80, 160, 320, 360, 360],
  );
  t.is(heldUntil(landed(cooldown, 'o', 'c', now, cooldownLimits), way, now), undefined, 'one that went well forgives');
  t.is(pruned(cooldown, minutes(719), cooldownLimits).owners.size, 1);
  t.deepEqual(pruned(later, minutes(721), cooldownLimits), noCooldown);
});

test('a run ends when all is even, or says that it makes nothing better', (t) => {
  const at = { now, limits: runLimits };
  const nothing = { begin: [], held: [] };
  const even = planBalance(aWorld({ nodes: ['a', 'b'], applications: [{ name: 'web', on: { a: 1, b: 1 } }] }));
  t.deepEqual(runEnd(even, nothing, running(plan), at), { end: 'even' });
  const settling = {
    ...even,
    skipped: [{ owner: 'o', title: 'o', goal: 'spread', code: 'settling', reason: '' }],
  } as const;
  t.is(runEnd(settling, nothing, running(plan), at), undefined, 'pods are being made');
  t.deepEqual(runEnd(settling, nothing, running(plan), { ...at, now: minutes(5) }), { end: 'even' }, 'not for ever');
  t.is(runEnd(plan, { begin: [], held: [{ move, until: minutes(5) }] }, running(plan), at), undefined, 'cooling');
  t.like(runEnd(plan, nothing, running(plan), at), { end: 'broke-off' });
  let moving = running(plan);
  const { begin } = choose(plan, world, moving, { now, nodes: 3, limits: runLimits });
  for (let misses = 0; misses < 3; misses++) {
    const flight: Flight = { ...asking, stage: { name: 'land', asked: now, known: new Set() } };
    moving = ended(began(moving, begin, now), flight, { end: 'missed', why: 'it came back' }, now, runLimits);
  }
  t.deepEqual(
    choose(plan, world, { ...moving, flights: [], cooldown: noCooldown }, { now, nodes: 3, limits: runLimits }).begin,
    [],
  );
  t.deepEqual(runEnd(plan, nothing, { ...moving, flights: [] }, at), {
    end: 'broke-off',
    why: '3 moves in a row did not make anything better',
  });
  const many = { ...running(plan), run: { ...beginRun('a test', plan, now), begun: 2 * plan.moves.length + 10 } };
  t.deepEqual(choose(plan, world, many, { now, nodes: 3, limits: runLimits }).begin, [], 'there is an end to it');
  t.like(runEnd(plan, nothing, many, at), { end: 'broke-off' });
});
