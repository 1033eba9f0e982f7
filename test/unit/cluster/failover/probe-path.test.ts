import test from 'ava';
import fc from 'fast-check';
import {
  asksAtOnce,
  type Heard,
  isMissed,
  judge,
  leftToAsk,
  type PathState,
  unseen,
  type Way,
} from '../../../../daemon/cluster/failover/probe-path.ts';
import { createRandomDouble } from '../../../support/doubles.ts';

const ways: readonly Way[] = ['udp', 'kubelet', 'ssh'];

/** One round with a board of which these ways answer, or do not leave this machine. */
function played(state: PathState, answers: readonly Way[], unasked: readonly Way[] = []): [PathState, readonly Way[]] {
  const asked = new Set<Way>(['udp', ...asksAtOnce(state)]);
  const heard = (): Heard => ({
    asked,
    answered: new Set(answers.filter((way) => asked.has(way))),
    unasked: new Set(unasked.filter((way) => asked.has(way))),
  });
  if (isMissed(state, heard())) for (const way of leftToAsk(asked)) asked.add(way);
  return [judge(state, heard()), [...asked]];
}
const play = (state: PathState, rounds: readonly (readonly Way[])[]): PathState =>
  rounds.reduce((before, answers) => played(before, answers)[0], state);
const askedIn = (state: PathState, answers: readonly Way[]): readonly Way[] => played(state, answers)[1];

test('while datagrams are refused nothing else is asked', (t) => {
  const well = play(unseen, [ways, ['udp']]);
  t.deepEqual(well.evidence, { path: 'alive', rounds: 2 });
  t.deepEqual(askedIn(well, ['udp']), ['udp']);
});

test('a lost datagram is asked for by TCP in the same round, and is no silence if that answers', (t) => {
  const well = play(unseen, [ways]);
  t.deepEqual(askedIn(well, ['ssh']), ['udp', 'kubelet', 'ssh']);
  t.is(play(well, [['ssh']]).evidence.path, 'alive');
  t.deepEqual(play(well, [[], []]).evidence, { path: 'silent', rounds: 2 });
  t.deepEqual(play(well, [[], [], ['kubelet']]).evidence, { path: 'alive', rounds: 1 });
});

test('a firewall that drops datagrams: TCP is asked every third round, and each round from its first silence on', (t) => {
  const tcp: readonly Way[] = ['kubelet', 'ssh'];
  let state = play(unseen, [ways, tcp, tcp, tcp]);
  const asked = Array.from({ length: 6 }, () => {
    const [next, by] = played(state, tcp);
    state = next;
    return by.length;
  });
  t.deepEqual(asked, [1, 1, 2, 1, 1, 2]);
  t.is(state.evidence.path, 'alive');
  const missed = play(state, [[], [], []]);
  t.deepEqual(missed.evidence, { path: 'silent', rounds: 1 }, 'only what was asked was missed');
  t.deepEqual(play(missed, [[]]).evidence, { path: 'silent', rounds: 2 });
});

test('who never answered is unknown, however long', (t) => {
  const state = play(unseen, Array<readonly Way[]>(100).fill([]));
  t.deepEqual(state.evidence, unseen.evidence);
});

test('what did not leave this machine says nothing', (t) => {
  const well = play(unseen, [ways]);
  for (const kept of ways) t.deepEqual(played(well, [], [kept])[0].evidence, well.evidence);
});

test('property: alive as soon as anything answers; silent only if it answered before and every way was tried', (t) => {
  const round = fc.record({ answers: fc.subarray([...ways]), unasked: fc.subarray([...ways]) });
  fc.assert(
    fc.property(fc.array(round, { maxLength: 60 }), (rounds) => {
      let state = unseen;
      let everHeard = false;
      for (const { answers, unasked } of rounds) {
        const before = state;
        const [next, asked] = played(state, answers, unasked);
        const heard = answers.some((way) => asked.includes(way));
        everHeard ||= heard;
        t.is(next.evidence.path === 'unknown', !everHeard);
        if (heard) t.is(next.evidence.path, 'alive');
        const isWorse = next.evidence.path === 'silent' && next.evidence.rounds !== before.evidence.rounds;
        if (isWorse) t.deepEqual([asked.length, heard, asked.some((way) => unasked.includes(way))], [3, false, false]);
        state = next;
      }
    }),
  );
});

test('one packet of twenty is lost each way: a silent round is rare, and two in a row are hardly ever', (t) => {
  const random = createRandomDouble(6);
  // A question and its answer: 0.95 * 0.95 come through, 25 of 256 do not.
  const comesThrough = (): boolean => (random.bytes(1)[0] ?? 0) >= 25;
  let state = play(unseen, [ways]);
  let [silent, twice] = [0, 0];
  for (let round = 0; round < 100_000; round++) {
    state = played(state, ways.filter(comesThrough))[0];
    if (state.evidence.path !== 'silent') continue;
    silent += 1;
    if (state.evidence.rounds > 1) twice += 1;
  }
  t.true(silent > 0 && silent < 200, `${silent}`);
  t.true(twice <= 3, `${twice}`);
});
