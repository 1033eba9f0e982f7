import test from 'ava';
import fc from 'fast-check';
import { type Millis, millis, seconds } from '../../../../config/values.ts';
import type { Answer, PowerState } from '../../../../daemon/cluster/failover/signs.ts';
import {
  LEASE_OLD,
  nothingKnown,
  type Sight,
  type Suspicion,
  signsText,
  suspect,
  type Verdict,
  verdictOf,
} from '../../../../daemon/cluster/failover/suspicion.ts';

const well: Sight = {
  path: 'alive',
  peer: 'unknown',
  peerSince: undefined,
  lease: seconds(4),
  power: 'unknown',
  ready: true,
};
const AFTER = seconds(4);
const TICK = millis(500);

/** It was seen well first. Each sight is of half a second. */
function seen(sights: readonly Partial<Sight>[], before: Suspicion = suspect(nothingKnown, well, millis(0))) {
  let [now, suspicion] = [TICK, before];
  for (const changes of sights) {
    suspicion = suspect(suspicion, { ...well, ...changes }, now);
    now = millis(now + TICK);
  }
  return { suspicion, now: millis(now - TICK) };
}
const lasting = (changes: Partial<Sight>, ticks: number): readonly Partial<Sight>[] => Array(ticks).fill(changes);
const verdict = (sights: readonly Partial<Sight>[], before?: Suspicion): Verdict => {
  const { suspicion, now } = seen(sights, before);
  return verdictOf(suspicion, now, AFTER);
};

const old = LEASE_OLD;
for (const [signs, expected] of [
  [{ path: 'silent' }, 'suspect'],
  [{ path: 'silent', peer: 'silent' }, 'gone'],
  [{ path: 'silent', lease: old }, 'gone'],
  [{ path: 'silent', power: 'off' }, 'gone'],
  [{ path: 'silent', peer: 'silent', lease: old, power: 'off' }, 'gone'],
  [{ path: 'unknown', peer: 'silent', lease: old }, 'gone'],
  [{ path: 'unknown', lease: old }, 'suspect'],
  [{ path: 'silent', lease: seconds(12) }, 'suspect'],
  [{ path: 'silent', lease: undefined }, 'suspect'],
  [{ path: 'alive', peer: 'silent', lease: old, power: 'off' }, 'well'],
  [{ path: 'silent', peer: 'alive', lease: old, power: 'off' }, 'well'],
  [{ path: 'silent', peer: 'unknown', power: 'on' }, 'suspect'],
  [{ path: 'silent', ready: false }, 'suspect'],
] as const satisfies readonly (readonly [Partial<Sight>, Verdict])[]) {
  test(`${JSON.stringify(signs, (_, value) => value ?? 'never')} for long enough: ${expected}`, (t) => {
    t.is(verdict(lasting(signs, 20)), expected);
  });
}

test('the two have to be there together, without a break, for the whole time', (t) => {
  const both = { path: 'silent', peer: 'silent' } as const;
  t.is(verdict(lasting(both, 8)), 'suspect');
  t.is(verdict(lasting(both, 9)), 'gone');
  t.is(verdict([...lasting(both, 8), { path: 'alive' }, ...lasting(both, 8)]), 'suspect');
  t.is(verdict([...lasting(both, 8), { path: 'silent' }, ...lasting(both, 8)]), 'suspect', 'the peer is not heard of');
  t.is(verdict([...lasting({ path: 'silent' }, 20), ...lasting(both, 8)]), 'suspect', 'the second sign is what counts');
  t.is(verdict([...lasting({ path: 'silent' }, 20), ...lasting(both, 9)]), 'gone');
});

test('one lost packet is no suspicion', (t) => {
  t.is(verdict(lasting({ path: 'silent' }, 3)), 'well');
  t.is(verdict(lasting({ path: 'silent' }, 4)), 'suspect');
});

test('a peer’s silence counts from when it was asked', (t) => {
  const asked = seconds(3);
  const { suspicion } = seen([
    ...lasting({ path: 'silent' }, 10),
    { path: 'silent', peer: 'silent', peerSince: asked },
  ]);
  t.is(suspicion.since.peer, asked);
});

test('a board that never answered, or whose Node was never Ready, is not missed', (t) => {
  const dead = { path: 'silent', peer: 'silent', lease: old, power: 'off' } as const;
  t.is(verdict(lasting({ ...dead, path: 'unknown' }, 20), nothingKnown), 'well');
  t.is(verdict(lasting({ ...dead, ready: false }, 20), { ...nothingKnown, answered: true }), 'well');
  t.is(verdict(lasting(dead, 20), { ...nothingKnown, answered: true }), 'gone', 'its Node is Ready still');
});

test('the signs in words, with and without how long', (t) => {
  const { suspicion, now } = seen([
    ...lasting({ path: 'silent' }, 2),
    ...lasting({ path: 'silent', peer: 'silent' }, 9),
  ]);
  t.is(signsText(suspicion), 'the master hears nothing of it, no other board reaches it');
  t.is(signsText(suspicion, now), 'the master hears nothing of it (for 5 s), no other board reaches it (for 4 s)');
  t.is(signsText(seen([{}]).suspicion, now), '');
});

const answers: readonly Answer[] = ['alive', 'unknown', 'silent'];
const powers: readonly PowerState[] = ['on', 'unknown', 'off'];
const leases: readonly (Millis | undefined)[] = [seconds(1), undefined, LEASE_OLD];
/** Ranks in place of values: higher is more like death. */
const ranks = fc.record({ path: rank(), peer: rank(), lease: rank(), power: rank() });
function rank() {
  return fc.integer({ min: 0, max: 2 });
}
type Ranks = { readonly path: number; readonly peer: number; readonly lease: number; readonly power: number };
const sightOf = (at: Ranks): Sight => ({
  path: answers[at.path] ?? 'unknown',
  peer: answers[at.peer] ?? 'unknown',
  peerSince: undefined,
  lease: leases[at.lease],
  power: powers[at.power] ?? 'unknown',
  ready: true,
});
const order: readonly Verdict[] = ['well', 'suspect', 'gone'];
const answered: Suspicion = { answered: true, wasReady: true, since: {} };

test('monotone: what looks more like death never makes it look more alive', (t) => {
  const pair = fc.tuple(ranks, ranks).map(([a, b]): readonly [Ranks, Ranks] => [
    a,
    {
      path: Math.max(a.path, b.path),
      peer: Math.max(a.peer, b.peer),
      lease: Math.max(a.lease, b.lease),
      power: Math.max(a.power, b.power),
    },
  ]);
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 40 }), (pairs) => {
      const [milder, worse] = [0, 1].map((side) =>
        seen(
          pairs.map((both) => sightOf(both[side === 0 ? 0 : 1])),
          answered,
        ),
      );
      const of = (one: typeof milder) => (one ? order.indexOf(verdictOf(one.suspicion, one.now, AFTER)) : -1);
      return of(worse) >= of(milder);
    }),
  );
  t.pass();
});

test('never gone without two signs at each of the last moments of `after`', (t) => {
  fc.assert(
    fc.property(fc.array(ranks, { minLength: 1, maxLength: 60 }), (all) => {
      const sights = all.map(sightOf);
      const { suspicion, now } = seen(sights, answered);
      if (verdictOf(suspicion, now, AFTER) !== 'gone') return true;
      const lately = sights.slice(-(AFTER / TICK + 1));
      const countOf = ({ path, peer, lease, power }: Sight): number =>
        path === 'alive' || peer === 'alive'
          ? 0
          : [path === 'silent', peer === 'silent', (lease ?? 0) >= LEASE_OLD, power === 'off'].filter(Boolean).length;
      return lately.length === AFTER / TICK + 1 && lately.every((sight) => countOf(sight) >= 2);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
