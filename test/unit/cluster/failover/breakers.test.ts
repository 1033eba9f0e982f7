import test from 'ava';
import fc from 'fast-check';
import { millis, minutes, seconds } from '../../../../config/values.ts';
import {
  COOL_DOWN,
  decide,
  FIRST_MINUTE,
  fenceLimit,
  type HeldCode,
  type Rack,
  type Storm,
  type Surroundings,
} from '../../../../daemon/cluster/failover/breakers.ts';
import { STALE } from '../../../../daemon/cluster/workloads/fresh.ts';

const calm: Surroundings = { uptime: minutes(5), mode: 'on', paused: undefined, heard: seconds(1), ownLink: 'up' };
const oneGone: Rack = { nodes: 5, fenced: 0, suspects: ['pi2'], gone: ['pi2'], isRoomElsewhere: true };
const NOW = minutes(5);

for (const [nodes, limit] of [
  [0, 1],
  [1, 1],
  [4, 1],
  [9, 1],
  [10, 2],
  [14, 2],
  [15, 3],
  [50, 10],
] as const) {
  test(`of ${nodes} workers ${limit} may be fenced at once`, (t) => {
    t.is(fenceLimit(nodes), limit);
  });
}

test('one board that is gone is fenced', (t) => {
  t.deepEqual(decide(undefined, oneGone, calm, NOW), { fence: ['pi2'], held: undefined, storm: undefined });
  t.deepEqual(decide(undefined, { ...oneGone, gone: [] }, calm, NOW).fence, []);
});

for (const [code, around] of [
  ['off', { mode: 'off' }],
  ['paused', { paused: 'paused by anna' }],
  ['starting', { uptime: millis(FIRST_MINUTE - 1) }],
  ['stale', { heard: undefined }],
  ['stale', { heard: millis(STALE + 1) }],
  ['own-link', { ownLink: 'down' }],
] as const satisfies readonly (readonly [HeldCode, Partial<Surroundings>])[]) {
  test(`nothing is fenced, and it says why: ${code} ${JSON.stringify(around)}`, (t) => {
    const { fence, held } = decide(undefined, oneGone, { ...calm, ...around }, NOW);
    t.deepEqual(fence, []);
    t.is(held?.code, code);
    t.truthy(held?.text);
  });
}

test('more suspects than may be fenced are a storm: nothing is fenced, and for a while after it neither', (t) => {
  const storm = decide(undefined, { ...oneGone, suspects: ['pi2', 'pi3'] }, calm, NOW);
  t.deepEqual(storm.fence, []);
  t.deepEqual(storm.held, {
    code: 'storm',
    text: '2 boards are silent at once: switch or master cable? Nothing is fenced',
  });
  const at = (later: number) => decide(storm.storm, oneGone, calm, millis(NOW + later));
  t.like(at(1000), { fence: [], held: { code: 'cool-down' } });
  t.like(at(COOL_DOWN - 1), { fence: [], held: { code: 'cool-down' } });
  t.deepEqual(at(COOL_DOWN), { fence: ['pi2'], held: undefined, storm: undefined });
});

test('a storm that goes on begins its cool-down anew', (t) => {
  const rack = { ...oneGone, suspects: ['pi2', 'pi3'] };
  let storm: Storm = decide(undefined, rack, calm, NOW).storm;
  storm = decide(storm, rack, calm, millis(NOW + 50_000)).storm;
  t.is(decide(storm, oneGone, calm, millis(NOW + 100_000)).held?.code, 'cool-down');
});

test('a breaker that is off does not hide the storm that begins meanwhile', (t) => {
  const blind = decide(undefined, { ...oneGone, suspects: ['pi2', 'pi3'] }, { ...calm, ownLink: 'down' }, NOW);
  t.is(blind.held?.code, 'own-link');
  t.is(decide(blind.storm, oneGone, calm, millis(NOW + 1000)).held?.code, 'cool-down');
});

test('what is fenced counts: the longest gone comes first, and the others are said', (t) => {
  const rack: Rack = { nodes: 10, fenced: 1, suspects: ['pi5', 'pi2'], gone: ['pi5', 'pi2'], isRoomElsewhere: true };
  const { fence, held } = decide(undefined, rack, calm, NOW);
  t.deepEqual(fence, ['pi5']);
  t.is(held?.code, 'limit');
  t.deepEqual(decide(undefined, { ...rack, fenced: 2 }, calm, NOW).fence, []);
  t.deepEqual(decide(undefined, { ...rack, fenced: 0 }, calm, NOW).fence, ['pi5', 'pi2']);
});

test('pods that could run nowhere else are left where they are', (t) => {
  t.like(decide(undefined, { ...oneGone, isRoomElsewhere: false }, calm, NOW), {
    fence: [],
    held: { code: 'nowhere' },
  });
});

test('any rack: never more than the limit, never in the first minute, never blind, never another one than those gone', (t) => {
  const racks = fc
    .record({
      nodes: fc.integer({ min: 0, max: 60 }),
      fenced: fc.integer({ min: 0, max: 12 }),
      suspects: fc.uniqueArray(
        fc.integer({ min: 0, max: 99 }).map((n) => `pi${n}`),
        { maxLength: 20 },
      ),
      percent: fc.integer({ min: 0, max: 100 }),
      isRoomElsewhere: fc.constantFrom(true, true, true, false),
    })
    .map(({ percent, ...rest }) => ({
      ...rest,
      gone: rest.suspects.slice(0, Math.round((percent * rest.suspects.length) / 100)),
    }));
  const around = fc.record({
    uptime: fc.integer({ min: 0, max: 200_000 }).map(millis),
    mode: fc.constantFrom('on', 'on', 'on', 'off'),
    paused: fc.constantFrom(undefined, undefined, 'paused by anna'),
    heard: fc.option(fc.integer({ min: 0, max: 24_000 }).map(millis), { nil: undefined }),
    ownLink: fc.constantFrom('up', 'up', 'up', 'down'),
  });
  let fencings = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(racks, around), { minLength: 1, maxLength: 12 }), (moments) => {
      let storm: Storm;
      let stormAt = Number.NEGATIVE_INFINITY;
      return moments.every(([rack, surroundings], index) => {
        const now = seconds(index * 25);
        const limit = Math.max(1, Math.floor(rack.nodes * 0.2));
        if (rack.suspects.length > limit) stormAt = now;
        const { fence, ...next } = decide(storm, rack, surroundings, now);
        storm = next.storm;
        if (fence.length === 0) return true;
        fencings += 1;
        const { uptime, mode, paused, heard, ownLink } = surroundings;
        const mayAct = mode === 'on' && paused === undefined && uptime >= 60_000 && ownLink === 'up';
        return (
          mayAct &&
          heard !== undefined &&
          heard <= 20_000 &&
          now - stormAt >= 60_000 &&
          rack.isRoomElsewhere &&
          fence.every((name) => rack.gone.includes(name)) &&
          fence.length + rack.fenced <= limit
        );
      });
    }),
    { numRuns: 3000 },
  );
  t.true(fencings > 100, `only ${fencings} decisions to fence were looked at`);
});
