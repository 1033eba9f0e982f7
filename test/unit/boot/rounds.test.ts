import test from 'ava';
import { after, minutes } from '../../../config/values.ts';
import { createBootRounds, FIRST_ROUNDS, ROUNDS } from '../../../daemon/boot/rounds.ts';
import type { DeviceState } from '../../../daemon/lifecycle/device.ts';
import { aDevice, START, states } from '../../support/boards.ts';

const countOf = (state: DeviceState, times: number) => {
  const rounds = createBootRounds();
  return Array.from({ length: times }, () => rounds.another(aDevice(state)));
};

test('three rounds in one state are told, and each one after them', (t) => {
  t.is(ROUNDS, 3);
  t.deepEqual(countOf(states.unreachable, 5), [undefined, undefined, 3, 4, 5]);
  t.deepEqual(countOf({ ...states.failed, resume: { at: 'join' } }, 3), [undefined, undefined, 3]);
});

test('the first start of an image may restart twice by itself', (t) => {
  t.deepEqual(countOf(states.starting, FIRST_ROUNDS).slice(-2), [undefined, FIRST_ROUNDS]);
});

test('a board that boots well, whose system is heard after each round, never gets there', (t) => {
  const rounds = createBootRounds();
  let since = START;
  for (let boot = 0; boot < 500; boot++) {
    // Its Node goes away, its ROM asks, its Node is Ready again.
    for (const state of [states.unreachable, states.ready]) {
      since = after(since, minutes(1));
      t.is(rounds.another(aDevice(state, { since })), undefined, `boot ${boot}`);
    }
  }
});

test('a board that restarts so quickly that its Node stays Ready never gets there either', (t) => {
  t.deepEqual(new Set(countOf(states.ready, 100)), new Set([undefined]));
});

test('nothing is counted where asking the network is as it should be', (t) => {
  for (const name of ['seen', 'reported', 'installing', 'reinstalling', 'wiping', 'held', 'rejected'] as const)
    t.deepEqual(new Set(countOf(states[name], 20)), new Set([undefined]), name);
  t.deepEqual(new Set(countOf({ name: 'starting', card: true }, 20)), new Set([undefined]));
});
