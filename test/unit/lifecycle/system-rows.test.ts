/** Boards that have a system of ours: installed anew by the owner's word only, wiped, and not starting. */
import test, { type ExecutionContext } from 'ava';
import { after, instant, minutes } from '../../../config/values.ts';
import { mayNetboot } from '../../../daemon/boot/offer.ts';
import type { Device, DeviceState } from '../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { explain, nextDeed } from '../../../daemon/lifecycle/explain.ts';
import { createFleet } from '../../../daemon/lifecycle/fleet.ts';
import { lifetime } from '../../../daemon/lifecycle/lifetime.ts';
import { RESTARTS_MAX } from '../../../daemon/lifecycle/system-rows.ts';
import { transition } from '../../../daemon/lifecycle/transition.ts';
import { wants } from '../../../daemon/lifecycle/wants.ts';
import { aDevice, aDisk, aReport, events, START, states } from '../../support/boards.ts';

/** A board that lives through events, a minute apart. */
function aLife(first: DeviceState) {
  let device: Device = aDevice(first, { model: { model: 'pi4', final: true } });
  let now = START;
  const happens = (...all: readonly LifecycleEvent[]): DeviceState => {
    for (const event of all) {
      now = after(now, minutes(1));
      device = transition(device, event, now).device;
    }
    return device.state;
  };
  const outcome = (event: LifecycleEvent) => transition(device, event, after(now, minutes(1))).outcome;
  const late = (): DeviceState => happens({ event: 'deadline-passed', since: device.since });
  return { happens, outcome, late, now: () => device };
}

const reinstall = events['reinstall-requested'];
const report = (disk = {}): LifecycleEvent => ({ event: 'installer-reported', report: aReport({ disk }) });
const ours = { content: 'ours' } as const;
const install = [events['image-made'], events.installed, events['ssh-answered'], events['node-ready']] as const;

test('an installed board that asks the network at every boot is never given an installer, and never installed anew', (t) => {
  const board = aLife({ name: 'ready', quarantined: false });
  for (let boot = 0; boot < 50; boot++) {
    board.happens(events['dhcp-seen']);
    t.false(mayNetboot(board.now()), `boot ${boot}`);
    // What an installer of an earlier life, or a forger, may say.
    board.happens(report(ours), events.installed, events['node-not-ready']);
    t.false(mayNetboot(board.now()));
    t.is(board.happens(events['node-ready'], events['quarantine-released']).name, 'ready');
  }
});

test('a reinstallation is one: it is used up by `installed`, and the next boot starts the disk', (t) => {
  const board = aLife(states.ready);
  t.is(board.happens(reinstall).name, 'reinstalling');
  t.true(mayNetboot(board.now()));
  t.deepEqual(wants(board.now().state), ['start-installer']);
  t.deepEqual(board.happens(report(ours)), { name: 'accepted', report: aReport({ disk: ours }), by: 'owner' });
  t.is(board.happens(events['image-made'], events.installed).name, 'starting');
  t.false(mayNetboot(board.now()));
  t.is(board.happens(report(ours)).name, 'starting', 'a report that comes late arms nothing');
  t.is(board.happens(events['ssh-answered'], events['node-ready']).name, 'ready');
});

test('a power cut in the middle of it does the same one again, with the same nonce', (t) => {
  const board = aLife(states.ready);
  board.happens(reinstall, report(ours), events['image-made']);
  const armed = board.now().state;
  t.deepEqual(board.happens(events['dhcp-seen'], events['boot-file-served'], report(ours)), armed);
  t.true(mayNetboot(board.now()));
});

test('asked for twice it is one: refused while it is under way, another one afterwards', (t) => {
  const board = aLife(states.ready);
  board.happens(reinstall);
  t.is(board.outcome(reinstall), 'refused');
  board.happens(report(ours));
  t.is(board.outcome(reinstall), 'refused');
  board.happens(events['image-made']);
  t.is(board.outcome(reinstall), 'refused');
  board.happens(...install.slice(1));
  t.is(board.outcome(reinstall), 'moved');
});

test('its old Node being Ready, or gone, is nothing to a board that is to be installed anew', (t) => {
  const board = aLife(states.ready);
  t.is(board.happens(reinstall, events['node-ready'], events['node-deleted']).name, 'reinstalling');
});

test('a disk that holds something else by now is asked about, not overwritten', (t) => {
  const board = aLife(states.ready);
  t.is(board.happens(reinstall, report({ content: 'foreign' })).name, 'reported');
});

test('the installer over SSH: trouble is told once, and every step can be read', (t) => {
  const board = aLife(states.ready);
  board.happens(reinstall);
  t.regex(explain(board.now()), /being put into its boot partition/);
  t.is(nextDeed(board.now()), undefined);
  const failed = events['installer-start-failed'];
  board.happens(failed);
  t.is(board.outcome(failed), 'nothing');
  t.deepEqual(wants(board.now().state), ['start-installer'], 'it is tried again');
  t.regex(explain(board.now()), /SSH_TIMEOUT: silence/);
  t.regex(
    nextDeed(board.now()) ?? '',
    /^insert a join card into worker-kube1, or switch it off and on if it boots from/,
  );
  board.happens(events['installer-started']);
  t.regex(explain(board.now()), /restarts into its installer/);
  t.deepEqual(wants(board.now().state), []);
});

test('a board that restarts without its installer is restarted a bounded number of times, then waits for hands', (t) => {
  const board = aLife(states.ready);
  board.happens(reinstall);
  for (let restart = 1; restart < RESTARTS_MAX; restart++) {
    board.happens(events['installer-started']);
    t.deepEqual(board.late(), { ...states.reinstalling, start: { step: 'trying', restarts: restart } });
  }
  board.happens(events['installer-started']);
  t.deepEqual(board.late(), { ...states.reinstalling, start: { step: 'given-up' } });
  t.deepEqual(wants(board.now().state), []);
  t.is(lifetime(board.now().state), undefined);
  t.regex(nextDeed(board.now()) ?? '', /join card/);
  t.is(board.happens(events['retry-requested']).name, 'reinstalling');
  t.deepEqual(wants(board.now().state), ['start-installer']);
  t.is(board.happens(report(ours)).name, 'accepted', 'or an installer comes from elsewhere');
});

test('a reinstallation can be called off until its installer is on its way', (t) => {
  const failed = { step: 'waiting', restarts: 0, code: 'SSH_TIMEOUT', detail: 'silence' } as const;
  for (const start of [states.reinstalling.start, failed, { step: 'given-up' }] as const) {
    const board = aLife({ ...states.reinstalling, start });
    t.regex(explain(board.now()), /; bramble accept worker-kube1 calls it off$/, start.step);
    t.deepEqual(board.happens(events['accept-requested']), { name: 'starting' }, start.step);
    t.is(board.outcome(report(ours)), 'nothing', 'an installer that comes late writes nothing');
    t.false(mayNetboot(board.now()));
  }
  const restarted = aLife({ ...states.reinstalling, start: { step: 'restarted', restarts: 1 } });
  t.is(restarted.outcome(events['accept-requested']), 'refused');
  t.notRegex(explain(restarted.now()), /calls it off/);
});

test('a wipe: its Node goes first, then the disk, and then it is left alone until it is accepted', (t) => {
  const board = aLife(states.ready);
  board.happens(events['wipe-requested']);
  t.deepEqual(wants(board.now().state), ['leave']);
  t.is(board.outcome(report(ours)), 'nothing', 'not before its Node is gone');
  board.happens(events.left);
  t.deepEqual(wants(board.now().state), ['start-installer']);
  t.true(mayNetboot(board.now()));
  const running = board.happens(report(ours));
  t.deepEqual(running, { ...states.wiping, arming: 'w2', start: { step: 'running', disk: aDisk(ours) } });
  t.deepEqual(createFleet([board.now()]).byArming('w2'), board.now());
  t.is(board.outcome(report({ content: 'foreign' })), 'nothing', 'half-way the same disk looks like nobody’s');
  board.happens(events.wiped);
  t.like(board.now().state, { name: 'wiping', start: { step: 'done' } });
  t.is(createFleet([board.now()]).byArming('w2'), undefined, 'its nonce is used up');
  t.false(mayNetboot(board.now()));
  t.is(nextDeed(board.now()), undefined);
  t.regex(explain(board.now()), /left alone until it is accepted/);
  t.is(board.outcome(report()), 'nothing');
  t.is(board.outcome(reinstall), 'refused');
  t.is(board.happens(events['accept-requested']).name, 'seen');
});

test('a wipe touches no disk that is not ours, and no other one half-way', (t) => {
  const board = aLife({ ...states.wiping, start: { step: 'restarted', restarts: 1 } });
  t.like(board.happens(report({ content: 'foreign' })), { name: 'failed', code: 'DISK_FOREIGN' });
  t.like(board.happens(events['retry-requested']), { name: 'wiping', arming: 'w1', start: { step: 'leaving' } });
  const other = { content: 'foreign', model: 'another' } as const;
  t.like(aLife(states.wiping).happens(report(other)), { name: 'failed', code: 'DISK_FOREIGN' });
  t.like(aLife(states.wiping).happens(report({ content: 'none', bytes: 0 })), { name: 'failed', code: 'NO_DISK' });
  t.is(aLife(states.wiping).happens(events['reject-requested']).name, 'rejected');
});

test('a board that was rejected and is accepted after all goes on with the system that it has', (t) => {
  const { reject, accept } = { reject: events['reject-requested'], accept: events['accept-requested'] };
  const installed = [states.starting, states.joining, states.ready, states.unreachable, states['local-boot-failed']];
  const wiped: DeviceState = { ...states.wiping, start: { step: 'done' } };
  const card: DeviceState = { name: 'starting', card: true };
  const joinFailed: DeviceState = { ...states.failed, resume: { at: 'join' } };
  for (const state of [...installed, states.reinstalling, states.wiping, joinFailed]) {
    const board = aLife(state);
    board.happens(reject, events.left);
    t.like(board.now().state, { name: 'rejected', left: true }, state.name);
    t.deepEqual(board.happens(accept), { name: 'starting' }, state.name);
    t.deepEqual(wants(board.now().state), ['await-ssh']);
    t.is(board.outcome(reinstall), 'moved');
    t.is(board.outcome(events['wipe-requested']), 'moved');
  }
  t.deepEqual(aLife(card).happens(reject, accept), card);
  for (const state of [states.seen, states.pending, states.installing, states.held, states.failed, wiped])
    t.deepEqual(aLife(state).happens(reject, accept), { name: 'seen' }, state.name);
});

test('`wiped` is believed of an installer that was told to, and of nobody else', (t) => {
  for (const start of [{ step: 'leaving' }, { step: 'trying', restarts: 0 }, { step: 'given-up' }] as const) {
    t.is(aLife({ ...states.wiping, start }).outcome(events.wiped), 'nothing');
  }
});

test('a board that does not start: not installed anew by itself, and back by itself when it is heard', (t) => {
  const board = aLife(states.unreachable);
  t.deepEqual(board.happens(events['local-boot-failed']), { name: 'local-boot-failed', rounds: 3, joined: true });
  t.false(mayNetboot(board.now()));
  t.is(board.happens(report(ours)).name, 'local-boot-failed');
  t.regex(explain(board.now()), /asked the network for a boot 3 times in a row/);
  t.regex(nextDeed(board.now()) ?? '', /^bramble reinstall worker-kube1/);
  t.deepEqual(wants(board.now().state), ['await-ssh']);
  t.is(lifetime(board.now().state), undefined);
  t.is(board.happens(events['node-ready']).name, 'ready');
});

test('a Node of an earlier life does not bring back a board that never joined; its SSH does', (t) => {
  const board = aLife(states.starting);
  t.deepEqual(board.happens({ ...events['local-boot-failed'], rounds: 5 }), {
    ...states['local-boot-failed'],
    ...{ rounds: 5, joined: false },
  });
  t.is(board.happens(events['node-ready']).name, 'local-boot-failed');
  t.is(board.happens(events['ssh-answered']).name, 'joining');
});

test('a card that was made is waited for without a deadline, and a boot ROM that asks meanwhile is no news', (t) => {
  for (const state of [states.seen, states.pending, states.unreachable, states.failed] as const) {
    const board = aLife(state);
    t.deepEqual(board.happens(events['card-made']), { name: 'starting', card: true }, state.name);
    t.is(board.now().deadline, undefined);
    t.is(board.outcome(events['local-boot-failed']), 'nothing');
    t.is(board.happens(events['ssh-answered']).name, 'joining');
  }
});

test('no card while a system of ours may answer in its place: a reinstallation that was asked for is not lost', (t) => {
  for (const state of [states.joining, states.ready, states.reinstalling] as const) {
    const board = aLife(state);
    t.is(board.outcome(events['card-made']), 'refused', state.name);
    t.is(board.happens(events['card-made'], events['ssh-answered']).name, state.name);
  }
});

test('a card that was made has to be put in: that is what is asked of the owner', (t) => {
  const card: DeviceState = { name: 'starting', card: true };
  const deed = 'put the card of worker-kube1 in and switch it on';
  t.is(nextDeed(aDevice(card)), `${deed}    (or bramble reinstall worker-kube1)`);
  t.is(nextDeed(aDevice(card, { macs: [] })), deed, 'nobody knows which board it will be');
  t.is(nextDeed(aDevice(states.starting)), undefined);
});

test('a card with the image that is being installed is noted; the installation goes on', (t: ExecutionContext) => {
  t.is(transition(aDevice(states.installing), events['card-made'], instant(START + 1)).outcome, 'noted');
});
