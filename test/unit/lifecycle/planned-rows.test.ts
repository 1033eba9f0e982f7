import test from 'ava';
import { after, minutes } from '../../../config/values.ts';
import type { Device, DeviceState } from '../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { explain, nextDeed } from '../../../daemon/lifecycle/explain.ts';
import { isPlanned } from '../../../daemon/lifecycle/planned-rows.ts';
import { transition } from '../../../daemon/lifecycle/transition.ts';
import { aDevice, events, START, states } from '../../support/boards.ts';

const LATER = after(START, minutes(10));
const go = (state: DeviceState, ...list: readonly LifecycleEvent[]) =>
  list.reduce<{ device: Device; outcome: string; effects: readonly string[] }>(
    ({ device }, event) => transition(device, event, LATER),
    { device: aDevice(state), outcome: '', effects: [] },
  );
const drain = { event: 'drain-requested', by: 'anna', keep: true, force: false, deleteData: false } as const;
const shutdown = { event: 'shutdown-requested', by: 'ups', boot: 'b1' } as const;
const planned = { event: 'shutdown-planned', by: 'ups' } as const;
const startup = { event: 'startup-requested', by: 'ups' } as const;
const uncordon = { event: 'uncordon-requested', by: 'anna' } as const;

test('a board is drained, and works again: its pods are asked for as long as one is left', (t) => {
  const begun = go(states.ready, drain);
  t.deepEqual(begun.effects, ['drain']);
  const told = go(states.ready, drain, { event: 'drain-progressed', left: 2, waits: 'default/db: its budget' });
  t.deepEqual([told.outcome, told.effects], ['moved', ['drain']]);
  t.is(explain(told.device), 'is being drained, asked by anna, 2 pods left: default/db: its budget');
  t.regex(nextDeed(told.device) ?? '', /^bramble uncordon worker-kube1, or wait/);
  const same = transition(told.device, { event: 'drain-progressed', left: 2, waits: 'default/db: its budget' }, LATER);
  t.is(same.outcome, 'nothing', 'the same again is not worth a write');
  const drained = go(states.ready, drain, { event: 'drained' });
  t.deepEqual(
    [drained.device.state, drained.effects],
    [{ name: 'draining', by: 'anna', keep: true, work: { step: 'drained' } }, []],
  );
  t.true(isPlanned(drained.device));
  t.like(go(states.ready, drain, { event: 'drained' }, uncordon).device.state, { name: 'ready' });
});

test('draining once more: with more force it begins anew, with the same it is refused', (t) => {
  t.is(go(states.ready, drain, drain).outcome, 'refused');
  t.like(go(states.ready, drain, { ...drain, force: true }).device.state, { work: { step: 'evicting', force: true } });
  t.is(go(states.ready, drain, { event: 'drained' }, drain).outcome, 'refused');
});

test('switched off: silent, waited for, and it works again when its Node is Ready', (t) => {
  const stopping = go(states.ready, shutdown);
  t.deepEqual(stopping.effects, ['stop']);
  const off = go(states.ready, shutdown, { event: 'stopped' });
  t.deepEqual(off.device.state, { name: 'stopped', by: 'ups', keep: false, away: false, boot: 'b1' });
  t.deepEqual(off.effects, []);
  t.is(nextDeed(off.device), undefined, 'nothing is asked of anybody');
  const away = transition(off.device, events['node-not-ready'], LATER);
  t.like(away.device.state, { name: 'stopped', away: true });
  t.is(transition(away.device, events['node-not-ready'], LATER).outcome, 'nothing');
  t.deepEqual(transition(away.device, events['node-ready'], LATER).device.state, { name: 'ready', quarantined: true });
});

test('what the owner drained by itself stays drained, however often everything is switched off and on', (t) => {
  const off = go(states.ready, drain, { event: 'drained' }, planned, shutdown, { event: 'stopped' });
  t.like(off.device.state, { name: 'stopped', keep: true });
  const back = transition(off.device, events['node-ready'], LATER).device;
  t.deepEqual(back.state, { name: 'draining', by: 'ups', keep: true, work: { step: 'drained' } });
  t.like(transition(back, startup, LATER).device.state, { name: 'draining' });
  const word = transition(off.device, uncordon, LATER).device;
  t.like(transition(word, events['node-ready'], LATER).device.state, { name: 'ready' }, 'unless he takes that back');
  t.like(go(states.ready, drain, { event: 'drained' }, planned, startup).device.state, { work: { step: 'drained' } });
});

test('called back: whatever was on its way works again, and what is off is waited for', (t) => {
  for (const way of [[planned], [planned, shutdown], [shutdown], [{ ...drain, keep: false }]]) {
    t.is(go(states.ready, ...way, startup).device.state.name, 'ready', way.map(({ event }) => event).join());
  }
  t.is(go(states.stopped, startup).device.state.name, 'stopped');
  t.is(go(states.ready, shutdown, uncordon).outcome, 'refused', 'it may be gone the next moment');
});

test('one that does not go off says so once, is tried again, and is told what to do about', (t) => {
  const failed = { event: 'stop-failed', code: 'SSH_AUTH', detail: 'refused' } as const;
  const trouble = go(states.ready, shutdown, failed);
  t.deepEqual(trouble.effects, ['stop']);
  t.is(transition(trouble.device, failed, LATER).outcome, 'nothing');
  t.regex(nextDeed(trouble.device) ?? '', /^switch worker-kube1 off by hand, then bramble retry worker-kube1/);
  const again = transition(trouble.device, { event: 'retry-requested', by: 'anna' }, LATER);
  t.deepEqual(again.device.state, {
    ...{ name: 'draining', by: 'ups', keep: false },
    work: { step: 'stopping', boot: 'b1' },
  });
  t.is(transition(again.device, { event: 'retry-requested', by: 'anna' }, LATER).outcome, 'refused');
});

test('in every step: it may leave, be reinstalled, wiped or rejected, and nothing the cluster says moves it', (t) => {
  const steps: readonly DeviceState[] = [
    go(states.ready, drain).device.state,
    go(states.ready, drain, { event: 'drained' }).device.state,
    go(states.ready, planned).device.state,
    go(states.ready, shutdown).device.state,
  ];
  for (const state of steps) {
    for (const event of ['node-ready', 'node-not-ready', 'node-gone', 'local-boot-failed'] as const)
      t.deepEqual(go(state, events[event]).device.state, state, event);
    t.is(go(state, events['leave-requested']).device.state.name, 'left');
    t.is(go(state, events['reinstall-requested']).device.state.name, 'reinstalling');
    t.is(go(state, events['wipe-requested']).device.state.name, 'wiping');
    t.is(go(state, events['reject-requested']).device.state.name, 'rejected');
    t.is(go(state, events['node-deleted']).device.state.name, 'failed');
  }
});
