import test from 'ava';
import { ok, problem, type Result } from '../../../../config/result.ts';
import { instant, type Millis, millis, minutes } from '../../../../config/values.ts';
import { type Deed, flightLimits } from '../../../../daemon/cluster/balance/flight.ts';
import type { Move } from '../../../../daemon/cluster/balance/plan.ts';
import {
  afterSurge,
  beginSurge,
  GOES_FIRST,
  resumeSurge,
  type Surge,
  type SurgeLook,
  stepSurge,
} from '../../../../daemon/cluster/balance/surge.ts';
import type { GateProblem } from '../../../../daemon/cluster/gate.ts';
import type { OwnerFacts, PodFacts } from '../../../../daemon/cluster/workloads/facts.ts';
import { ownerFacts, podFacts } from '../../../support/world.ts';

const owner = ownerFacts({ name: 'default/web' });
const deployment = owner.deployment ?? { uid: '', name: '' };
const ref = { kind: owner.kind, uid: owner.uid, name: owner.name };
const old = podFacts({ name: 'default/web-old', node: 'a', owner: ref });
const fresh = (changes: Partial<PodFacts> = {}): PodFacts =>
  podFacts({ name: 'default/web-new', node: 'b', owner: ref, created: instant(1_800_000_000_000), ...changes });
const move: Move = {
  ...{ owner: owner.uid, title: owner.title, pod: { name: old.name, uid: old.uid }, from: 'a', to: 'b', goal: 'even' },
  ...{
    method: 'surge',
    budget: undefined,
    why: 'a carries more',
    before: { from: 1, to: 0 },
    after: { from: 0, to: 1 },
  },
};
const begun = beginSurge(move, deployment, 1, millis(0));
const at = (stage: Surge['stage'], changes: Partial<Surge> = {}): Surge => ({ ...begun, ...changes, stage });
const awaiting = at({ name: 'await', since: millis(0) });
const look = (pods: readonly PodFacts[], changes: Partial<SurgeLook> = {}): SurgeLook => ({
  ...{ owners: [owner], pods, gains: () => false, halted: false, now: millis(1000), limits: flightLimits },
  ...changes,
});
const owners = (changes: Partial<OwnerFacts>) => ({ owners: [{ ...owner, ...changes }] });

const grow: Deed = { deed: 'scale', deployment, from: 1, to: 2, note: begun.note };
const shrink: Deed = { deed: 'scale', deployment, from: 2, to: 1, note: null };
const cost = ({ name, uid }: PodFacts, amount: number): Deed => ({
  deed: 'set-cost',
  pod: { name, uid },
  cost: amount,
});

test('what it asks for, by its stage and by what the world shows', (t) => {
  const undo = at({ name: 'undo', marked: false, ends: { end: 'overtaken', why: 'x' } });
  const rows: readonly (readonly [what: string, flight: Surge, look: SurgeLook, deed: Deed | undefined])[] = [
    ['it begins by growing', begun, look([old]), grow],
    ['not while calls are to wait', { ...begun, notBefore: millis(2000) }, look([old]), undefined],
    ['nothing new while halted', begun, look([old], { halted: true }), undefined],
    ['not in a rollout', begun, look([old], owners({ rolling: true })), undefined],
    ['not where an autoscaler counts', begun, look([old], owners({ scaledBy: 'autoscaler' })), undefined],
    ['not with another number', begun, look([old], owners({ replicas: 2 })), undefined],
    ['not when the pod is elsewhere by now', begun, look([{ ...old, node: 'c' }]), undefined],
    ['not over somebody else’s deletion cost', begun, look([{ ...old, deletionCost: 7 }]), undefined],
    ['the new pod is waited for', awaiting, look([old]), undefined],
    ['until it is ready', awaiting, look([old, fresh({ ready: false })]), undefined],
    ['then the old one is marked', awaiting, look([old, fresh()]), cost(old, GOES_FIRST)],
    ['not before minReadySeconds', awaiting, look([old, fresh()], owners({ minReadySeconds: 10 })), undefined],
    ['then one goes', at({ name: 'shrink' }), look([old, fresh()]), shrink],
    ['never while the new one is not ready', at({ name: 'shrink' }), look([old, fresh({ ready: false })]), undefined],
    ['the old one went by itself: no cost is needed', undo, look([fresh()]), shrink],
    ['back: the new one is to go', undo, look([old, fresh()]), cost(fresh(), GOES_FIRST)],
    [
      'a left mark is taken off first',
      at({ name: 'let-stand', reset: [], ends: { end: 'overtaken', why: 'x' } }),
      look([{ ...old, deletionCost: GOES_FIRST }]),
      cost(old, 0),
    ],
    [
      'then the note',
      at({ name: 'let-stand', reset: [], ends: { end: 'overtaken', why: 'x' } }),
      look([old]),
      { deed: 'forget-surge', deployment },
    ],
  ];
  for (const [what, flight, seen, deed] of rows) t.deepEqual(stepSurge(flight, seen).deed, deed, what);
});

test('a new pod in the wrong place, one that comes too late, a pause and an old pod that went: all are undone', (t) => {
  const stage = (seen: SurgeLook) => stepSurge(awaiting, seen).flight?.stage;
  const undo = (end: 'missed' | 'overtaken', why: string) => ({ name: 'undo', marked: false, ends: { end, why } });
  t.deepEqual(stage(look([old, fresh({ node: 'a' })])), undo('missed', 'its new pod came to a, not to b'));
  t.deepEqual(stage(look([old, fresh({ node: 'c' })])), undo('missed', 'its new pod came to c, not to b'));
  const elsewhere = look([old, fresh({ node: 'c' })], { gains: (node) => node === 'c' });
  t.is(stepSurge(awaiting, elsewhere).flight?.stage.name, 'mark', 'elsewhere, and as good');
  const late = look([old, fresh({ ready: false })], { now: minutes(5) });
  t.deepEqual(stage(late), undo('missed', 'its new pod was not ready within 300 s'));
  t.deepEqual(stage(look([old], { halted: true })), undo('overtaken', 'balance was stopped'));
  t.deepEqual(stage(look([{ ...old, terminating: true }, fresh()])), undo('overtaken', 'the old pod went by itself'));
});

test('it has landed when the old pod goes; where the new one went in its place, that is a miss', (t) => {
  const leaving = at({ name: 'leave', since: millis(0) });
  t.deepEqual(stepSurge(leaving, look([{ ...old, terminating: true }, fresh()])).end, { end: 'landed', node: 'b' });
  t.deepEqual(stepSurge(leaving, look([fresh()])).end, { end: 'landed', node: 'b' });
  t.is(stepSurge(leaving, look([old, fresh()])).end, undefined);
  t.like(stepSurge(leaving, look([old, fresh({ terminating: true })])).flight?.stage, {
    name: 'let-stand',
    ends: { end: 'missed', why: 'the new pod went, and not the old one' },
  });
});

test('what comes of each call', (t) => {
  const end = (code: GateProblem['code']): Result<void, GateProblem> => problem(code, code);
  const after = (flight: Surge, deed: Deed, result: Result<void, GateProblem>) =>
    afterSurge(flight, deed, result, { now: millis(1000), limits: flightLimits, fraction: 0 });
  const stageAfter = (...args: Parameters<typeof after>) => after(...args).flight?.stage.name;
  const [marking, shrinking] = [at({ name: 'mark' }), at({ name: 'shrink' })];
  t.is(stageAfter(begun, grow, ok(undefined)), 'await');
  t.is(after(begun, grow, end('CHANGED')).end?.end, 'overtaken');
  t.is(after(begun, grow, end('API_FORBIDDEN')).end?.end, 'missed');
  t.is(stageAfter(begun, grow, end('API_UNREACHABLE')), 'undo', 'it may have been done');
  t.is(stageAfter(marking, cost(old, GOES_FIRST), ok(undefined)), 'shrink');
  t.is(stageAfter(marking, cost(old, GOES_FIRST), end('REPLACED')), 'await');
  t.is(stageAfter(shrinking, shrink, ok(undefined)), 'leave');
  t.is(stageAfter(shrinking, shrink, end('CHANGED')), 'let-stand', 'a number of somebody else stands');
  t.is(after(shrinking, shrink, end('REPLACED')).end?.end, 'overtaken');
  const again = after(shrinking, shrink, end('API_UNREACHABLE')).flight;
  t.deepEqual([again?.stage.name, again?.tries, again?.notBefore], ['shrink', 1, millis(6000)]);
});

test('what an earlier daemon left is ended by what the world shows', (t) => {
  const left = (replicas: number) => resumeSurge({ deployment, replicas, note: begun.note }, old, 0 as Millis);
  t.is(left(2).stage.name, 'await');
  t.is(left(5).stage.name, 'let-stand', 'somebody scaled it meanwhile: that stands');
  t.is(left(1).stage.name, 'let-stand');
  t.deepEqual(
    stepSurge(left(2), look([old, fresh({ node: 'c' })])).deed,
    cost(old, GOES_FIRST),
    'anywhere else is well',
  );
  t.is(stepSurge(left(2), look([old, fresh({ node: 'a' })])).flight?.stage.name, 'undo');
  const broken = resumeSurge(
    { deployment, replicas: 1, note: { pod: '', uid: '', from: Number.NaN } },
    undefined,
    0 as Millis,
  );
  t.deepEqual(stepSurge(broken, look([old])).deed, { deed: 'forget-surge', deployment }, 'a note that nobody can read');
});
