import test from 'ava';
import type { DeviceState } from '../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { explain, nextDeed } from '../../../daemon/lifecycle/explain.ts';
import { transition } from '../../../daemon/lifecycle/transition.ts';
import { aDevice, events, START, states } from '../../support/boards.ts';

const go = (state: DeviceState, event: LifecycleEvent) => transition(aDevice(state), event, START);
const gone = { event: 'node-gone', signs: 'its power is off' } as const;
const wanted = (pods: number) => ({ event: 'proof-wanted', pods }) as const;

test('the way of a board that is gone: fenced, waiting for proof, proven, back', (t) => {
  const fenced = go(states.ready, gone);
  t.deepEqual(fenced.device.state, { name: 'unreachable', signs: 'its power is off' });
  t.is(fenced.reason, 'held gone, its Node is fenced: its power is off');
  const waiting = go(fenced.device.state, wanted(2));
  t.deepEqual(waiting.device.state, { name: 'waiting-for-proof', signs: 'its power is off', pods: 2 });
  const proven = go(waiting.device.state, { event: 'proof-given', by: 'anna' });
  t.deepEqual(proven.device.state, { name: 'unreachable', signs: 'its power is off', proof: 'anna' });
  t.is(go(proven.device.state, events['node-ready']).device.state.name, 'ready');
});

test('whoever was first to say that it is gone, the signs are told once', (t) => {
  const named = go(states.unreachable, gone);
  t.deepEqual(named.device.state, { name: 'unreachable', signs: gone.signs });
  t.is(go(named.device.state, gone).outcome, 'nothing');
});

test('the number of pods that wait is kept, the same one is no news, and none ends it', (t) => {
  const waiting = states['waiting-for-proof'];
  t.is(go(waiting, wanted(2)).outcome, 'nothing');
  t.like(go(waiting, wanted(1)).device.state, { name: 'waiting-for-proof', pods: 1 });
  t.deepEqual(go(waiting, wanted(0)).device.state, { name: 'unreachable', signs: waiting.signs });
  t.is(go(states.unreachable, wanted(0)).outcome, 'nothing');
  const proven = { name: 'unreachable', signs: 'silence', proof: 'anna' } as const;
  t.is(go(proven, wanted(1)).device.state.name, 'waiting-for-proof', 'it was on in between');
});

test('nothing is asked of boards that are not held gone', (t) => {
  for (const state of [states.ready, states.joining, states.left, states.reinstalling, states['local-boot-failed']]) {
    t.is(go(state, wanted(2)).outcome, 'nothing', state.name);
    t.is(go(state, { event: 'proof-given', by: 'anna' }).outcome, 'nothing', state.name);
  }
  for (const state of [states.joining, states.left, states.reinstalling, states['local-boot-failed']])
    t.is(go(state, gone).outcome, 'nothing', state.name);
});

test('in the words of the status', (t) => {
  const waiting = aDevice(states['waiting-for-proof']);
  t.is(explain(waiting), 'waiting for proof: power off worker-kube1 and run `bramble confirm-off worker-kube1`');
  t.is(
    nextDeed(waiting),
    'waiting for proof: power off worker-kube1 and run `bramble confirm-off worker-kube1`    (2 pods of it must never run twice)',
  );
  t.is(explain(aDevice(states.unreachable)), 'its Node is not Ready any more');
  const fenced = aDevice({ name: 'unreachable', signs: 'no other board reaches it' });
  t.is(explain(fenced), 'held gone: no other board reaches it; its pods run on other boards');
  t.is(nextDeed(fenced), 'look at worker-kube1: no other board reaches it');
});
