import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { after, instant, minutes, parseMac, parseSerial, seconds } from '../../../config/values.ts';
import { causeOf } from '../../../daemon/lifecycle/causes.ts';
import type { Device, DeviceState, StateName } from '../../../daemon/lifecycle/device.ts';
import type { EventName, LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { armingsOf } from '../../../daemon/lifecycle/installation.ts';
import { JOIN_ATTEMPTS } from '../../../daemon/lifecycle/joining-rows.ts';
import { transition } from '../../../daemon/lifecycle/transition.ts';
import { wants } from '../../../daemon/lifecycle/wants.ts';
import { aDevice, aDisk, aHeardDevice, aReport, events, MAC, SERIAL, START, states } from '../../support/boards.ts';

const stateNames = Object.keys(states) as StateName[];
const eventNames = Object.keys(events) as EventName[];
/** Late enough for every deadline and pause. */
const LATER = after(START, minutes(120));

/** What each pair leads to; every pair that is not here stays, `!` is a refusal to the owner, and `-` the end of the board. */
const moves: Record<StateName, Partial<Record<EventName, StateName | '!' | '-'>>> = {
  seen: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '-',
    'replace-requested': '!',
    'card-made': 'starting',
    'reinstall-requested': '!',
    'wipe-requested': '!',

    'boot-file-served': 'booting',
    'adopt-requested': 'adopting',
    'installer-reported': 'reported',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  booting: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '-',
    'replace-requested': '!',
    'card-made': 'starting',
    'reinstall-requested': '!',
    'wipe-requested': '!',

    'installer-reported': 'reported',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
    'adopt-requested': 'adopting',
    'deadline-passed': 'seen',
  },
  adopting: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',
    'accept-requested': '!',
    'retry-requested': '!',

    'installer-reported': 'reported',
    adopted: 'starting',
    'first-login-failed': 'failed',
    'reject-requested': 'rejected',
    'deadline-passed': 'failed',
  },
  reported: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '-',
    'replace-requested': '!',
    'card-made': 'starting',
    'reinstall-requested': '!',
    'wipe-requested': '!',

    'admission-decided': 'accepted',
    'rival-seen': 'held',
    'accept-requested': 'accepted',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  pending: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '-',
    'replace-requested': '!',
    'card-made': 'starting',
    'rival-seen': 'held',
    'reinstall-requested': '!',
    'wipe-requested': '!',
    'accept-requested': 'accepted',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  accepted: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',

    'image-made': 'installing',
    'image-failed': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  installing: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',

    'install-progressed': 'installing',
    installed: 'starting',
    'ssh-answered': 'joining',
    'install-failed': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
    'deadline-passed': 'failed',
  },
  starting: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'card-made': 'starting',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'local-boot-failed': 'local-boot-failed',

    'ssh-answered': 'joining',
    'host-key-changed': 'failed',
    'ssh-failed': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
    'deadline-passed': 'failed',
  },
  joining: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'local-boot-failed': 'local-boot-failed',

    'join-failed': 'joining',
    'host-key-changed': 'failed',
    'node-ready': 'ready',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
    'deadline-passed': 'failed',
  },
  ready: {
    'drain-requested': 'draining',
    'uncordon-requested': '!',
    'shutdown-planned': 'draining',
    'shutdown-requested': 'draining',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',

    'node-not-ready': 'unreachable',
    'node-gone': 'unreachable',
    'cluster-programs-gone': 'joining',
    'node-deleted': 'failed',
    'host-key-changed': 'failed',
    'quarantine-released': 'ready',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  unreachable: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'shutdown-planned': 'draining',
    'shutdown-requested': 'draining',
    'cluster-programs-gone': 'joining',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'card-made': 'starting',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'local-boot-failed': 'local-boot-failed',

    'node-gone': 'unreachable',
    'proof-wanted': 'waiting-for-proof',
    'node-ready': 'ready',
    'node-deleted': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': 'starting',
  },
  'waiting-for-proof': {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'shutdown-planned': 'draining',
    'shutdown-requested': 'draining',
    'cluster-programs-gone': 'joining',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'card-made': 'starting',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'local-boot-failed': 'local-boot-failed',

    'proof-given': 'unreachable',
    'node-ready': 'ready',
    'node-deleted': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': 'starting',
  },
  held: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '-',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',
    'accept-requested': 'accepted',
    'reject-requested': 'rejected',
    'retry-requested': 'reported',
  },
  rejected: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',
    'accept-requested': 'seen',
    'retry-requested': '!',
    left: 'rejected',
  },
  left: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'card-made': '!',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'accept-requested': 'starting',
    'reject-requested': 'rejected',
    'retry-requested': 'starting',
    left: 'left',
  },
  replaced: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',
    'accept-requested': '!',
    'reject-requested': '!',
    'retry-requested': '!',
    left: 'replaced',
  },
  failed: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '-',
    'replace-requested': 'replaced',
    'card-made': 'starting',
    'reinstall-requested': '!',
    'wipe-requested': 'wiping',

    'installer-reported': 'accepted',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': 'accepted',
  },
  draining: {
    'drain-requested': 'draining',
    'drain-progressed': 'draining',
    drained: 'draining',
    'uncordon-requested': 'ready',
    'shutdown-planned': 'draining',
    'shutdown-requested': 'draining',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': '!',
    'card-made': '!',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'node-deleted': 'failed',
    'host-key-changed': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  stopped: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'card-made': 'starting',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'local-boot-failed': 'local-boot-failed',
    'node-ready': 'ready',
    'node-deleted': 'failed',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  'local-boot-failed': {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': 'left',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'ssh-answered': 'joining',
    'node-ready': 'ready',
    'card-made': 'starting',
    'reinstall-requested': 'reinstalling',
    'wipe-requested': 'wiping',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': 'starting',
  },
  reinstalling: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': 'replaced',
    'installer-reported': 'accepted',
    'installer-started': 'reinstalling',
    'installer-start-failed': 'reinstalling',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': 'wiping',
    'accept-requested': 'starting',
    'reject-requested': 'rejected',
    'retry-requested': '!',
  },
  wiping: {
    'drain-requested': '!',
    'uncordon-requested': '!',
    'leave-requested': '!',
    'forget-requested': '!',
    'replace-requested': '!',
    wiped: 'wiping',
    'install-failed': 'failed',
    'card-made': '!',
    'reinstall-requested': '!',
    'wipe-requested': '!',
    'accept-requested': '!',
    'reject-requested': 'rejected',
    'retry-requested': 'wiping',
  },
};

for (const state of stateNames) {
  test(`${state}: every event leads where it should`, (t) => {
    t.plan(eventNames.length * 2);
    for (const event of eventNames) {
      const want = moves[state][event];
      const { device, outcome, effects } = transition(aDevice(states[state]), events[event], LATER);
      const ends = { refused: '!', dropped: '-', moved: device.state.name } as const;
      const went = outcome in ends ? ends[outcome as keyof typeof ends] : undefined;
      t.is(went, want, `${state} × ${event}`);
      t.deepEqual(effects, wants(device.state), `${state} × ${event}: effects are those of the state`);
    }
  });
}

const after_ = (state: DeviceState, event: LifecycleEvent, now = LATER) =>
  transition(aDevice(state), event, now).device.state;

test('who else has its name is noted in every state, and changes nothing', (t) => {
  for (const state of stateNames) {
    const device = aDevice(states[state]);
    const noted = transition(device, events['name-conflict'], LATER);
    t.is(noted.outcome, 'noted', state);
    t.is(noted.device, device, state);
    t.is(noted.reason, 'another host has its name: 10.77.0.99');
    t.is(transition(device, events['name-conflict-over'], LATER).outcome, 'noted', state);
  }
});

test('the verdict decides where a reported board goes', (t) => {
  const wait = { event: 'admission-decided', verdict: { verdict: 'wait', reason: 'foreign disk' } } as const;
  const hold = { event: 'admission-decided', verdict: { verdict: 'hold', reason: 'rival' } } as const;
  t.deepEqual(after_(states.reported, wait), { name: 'pending', report: aReport(), reason: 'foreign disk' });
  t.deepEqual(after_(states.reported, hold), { name: 'held', reason: 'rival', report: aReport() });
});

test('a waiting board that reports something new is decided about again; a repetition is not even written', (t) => {
  const proven = { event: 'installer-reported', report: aReport({ proof: true }) } as const;
  t.is(after_(states.pending, proven).name, 'reported');
  const known = aDevice(states.pending, { model: { model: 'pi4', final: true } });
  t.is(transition(known, events['installer-reported'], LATER).outcome, 'nothing');
});

test('a failed join is tried again a bounded number of times', (t) => {
  let device: Device = aDevice(states.joining);
  for (let attempt = 1; attempt < JOIN_ATTEMPTS; attempt++) {
    device = transition(device, events['join-failed'], LATER).device;
    t.deepEqual(device.state, { name: 'joining', attempt: attempt + 1 });
  }
  device = transition(device, events['join-failed'], LATER).device;
  t.deepEqual(device.state, { name: 'failed', code: 'JOIN', detail: 'refused', resume: { at: 'join' } });
  t.deepEqual(transition(device, events['retry-requested'], LATER).device.state, { name: 'joining', attempt: 1 });
});

test('a join that another try cannot mend fails at once, with the last words of what failed', (t) => {
  const { state } = transition(
    aDevice(states.joining),
    { event: 'join-failed', code: 'NODE_NOT_READY', detail: 'no network', output: 'cni: not ready' },
    LATER,
  ).device;
  t.like(state, { name: 'failed', code: 'NODE_NOT_READY', output: 'cni: not ready' });
  t.is(after_(state, events['node-ready']).name, 'ready', 'it may get so by itself');
});

for (const code of [
  ...['ARCH_UNSUPPORTED', 'KERNEL_TOO_OLD', 'SYSTEMD_MISSING', 'CGROUP_MEMORY_OFF', 'CGROUPS_MISSING'],
  ...['KUBEADM_MISSING', 'K3S_SERVER_ON_BOARD', 'ADDRESS_NOT_FIXED', 'SERIAL_DIFFERS'],
]) {
  test(`a join that failed with ${code} is not tried again by itself`, (t) => {
    const end = transition(aDevice(states.joining), { event: 'join-failed', code, detail: 'd' }, LATER).device.state;
    t.deepEqual(end, { name: 'failed', code, detail: 'd', resume: { at: 'join' } });
    t.not(causeOf(code), undefined);
  });
}

test('a disk that is in another Pi: its board stays failed, however ready its Node is', (t) => {
  const differs = { event: 'join-failed', code: 'SERIAL_DIFFERS', detail: 'another Pi' } as const;
  for (const before of [states.joining, states.ready]) {
    const failed = after_(before, differs);
    t.like(failed, { name: 'failed', code: 'SERIAL_DIFFERS', resume: { at: 'join' } });
    t.deepEqual(after_(failed, events['node-ready']), failed);
    t.deepEqual(after_(failed, events['retry-requested']), { name: 'joining', attempt: 1 });
  }
});

test('a board whose host key changed stays failed, however ready its Node is, until the owner wants it tried again', (t) => {
  for (const before of [states.joining, states.ready]) {
    const failed = after_(before, events['host-key-changed']);
    t.like(failed, { name: 'failed', code: 'HOST_KEY_CHANGED', resume: { at: 'join' } });
    t.deepEqual(after_(failed, events['node-ready']), failed);
    t.deepEqual(after_(failed, events['retry-requested']), { name: 'joining', attempt: 1 });
  }
  t.like(after_(states.starting, events['host-key-changed']), { resume: { at: 'start' } });
});

test('a failed installation is tried again when the installer asks again, but not at once, and never on a small disk', (t) => {
  t.is(after_(states.failed, events['installer-reported'], after(START, minutes(0.1))).name, 'failed');
  t.is(after_(states.failed, events['installer-reported'], after(START, minutes(1))).name, 'accepted');
  t.is(after_({ ...states.failed, code: 'DISK_TOO_SMALL' }, events['installer-reported']).name, 'failed');
});

test('an installation that was begun may end in silence after it was given up: its system is looked for all the same', (t) => {
  for (const given of ['deadline-passed', 'install-failed'] as const) {
    const { device, effects } = transition(aDevice(states.installing), events[given], LATER);
    t.like(device.state, { name: 'failed', resume: { at: 'install', arming: states.installing.arming } });
    t.deepEqual(effects, ['find-installed']);
    const found = transition(device, events['ssh-answered'], LATER);
    t.deepEqual(found.device.state, { name: 'joining', attempt: 1 });
    t.deepEqual(transition(device, events['retry-requested'], LATER).effects, ['make-image']);
  }
  // Nothing was begun: its image could not be made, or it was written by an older bramble.
  t.deepEqual(transition(aDevice(states.accepted), events['image-failed'], LATER).effects, []);
  t.is(after_(states.failed, events['ssh-answered']).name, 'failed');
});

test('tried again, also when its image fails or there is no end once more: every earlier installation is looked for still', (t) => {
  const go = (device: Device, ...list: readonly LifecycleEvent[]): Device =>
    list.reduce((now, event) => transition(now, event, LATER).device, device);
  const once = [events['retry-requested'], { event: 'image-made', arming: 'a2' }] as const;
  const again = go(aDevice(states.installing), events['install-failed'], ...once);
  t.like(again.state, { name: 'installing', arming: 'a2', earlier: ['a1'] });
  t.deepEqual(armingsOf(again.state), ['a2', 'a1']);
  t.deepEqual(transition(again, events['ssh-answered'], LATER).device.state, { name: 'joining', attempt: 1 });
  const thrice = go(again, events['install-failed'], events['retry-requested'], events['image-failed']);
  t.is(thrice.state.name, 'failed');
  t.deepEqual(armingsOf(thrice.state), ['a2', 'a1']);
  t.deepEqual(wants(thrice.state), ['find-installed']);
  const byItself = transition(thrice, events['installer-reported'], after(LATER, minutes(1))).device;
  t.like(byItself.state, { name: 'accepted', earlier: ['a2', 'a1'] });
  // Another disk is another decision, and nothing of ours is on it.
  const foreign = { event: 'installer-reported', report: aReport({ disk: { content: 'foreign' } }) } as const;
  t.false('earlier' in transition(byItself, foreign, LATER).device.state);
  const often = Array.from({ length: 30 }, () => [...once, events['install-failed']] as const).flat();
  t.true(armingsOf(go(again, events['install-failed'], ...often).state).length < 12);
});

test('the disk that was written is known after the installation, too, until a card takes its place or it is wiped', (t) => {
  const written = aDisk({ content: 'ours' });
  const go = (device: Device, ...names: readonly EventName[]): Device =>
    names.reduce((now, name) => transition(now, events[name], LATER).device, device);
  const installed = go(aDevice(states.installing), 'installed');
  t.deepEqual(installed.disk, written);
  t.deepEqual(go(aDevice(states.installing), 'ssh-answered').disk, written, 'without its installer’s last word');
  t.deepEqual(go(installed, 'ssh-answered', 'node-ready', 'node-not-ready', 'reject-requested').disk, written);
  const nvme = aReport({ disk: { type: 'nvme', content: 'foreign', device: aDevice().id } });
  t.deepEqual(go(aDevice({ ...states.installing, report: nvme }, { disk: written }), 'installed').disk, {
    ...aDisk({ type: 'nvme', content: 'ours' }),
  });
  t.deepEqual(go(aDevice(states.installing, { disk: aDisk({ type: 'usb' }) }), 'install-failed').disk?.type, 'usb');
  t.is(go(aDevice(states.unreachable, { disk: written }), 'card-made').disk, undefined);
  t.is(go(aDevice(states.wiping, { disk: written }), 'wiped').disk?.content, 'blank');
});

test('a larger disk is another chance, and it is the one that counts from then on', (t) => {
  const larger = aReport({ disk: { bytes: 32_000_000_000, content: 'blank' } });
  const tooSmall = { ...states.failed, code: 'DISK_TOO_SMALL' };
  const state = after_(tooSmall, { event: 'installer-reported', report: larger });
  t.deepEqual(state, { name: 'accepted', report: larger, by: 'an earlier decision' });
});

test('a decision about an empty disk is none about a disk that holds data: it is taken again, never carried out', (t) => {
  const foreign = aReport({ disk: { bytes: 8_000_000_000, content: 'foreign' } });
  const ours = aReport({ disk: { bytes: 8_000_000_000, content: 'ours' } });
  for (const name of ['accepted', 'installing', 'failed'] as const) {
    t.deepEqual(after_(states[name], { event: 'installer-reported', report: foreign }), {
      name: 'reported',
      report: foreign,
    });
    // A power cut half-way leaves our mark, and the same image goes on.
    t.not(after_(states[name], { event: 'installer-reported', report: ours }).name, 'reported');
  }
  const agreed = { ...states.installing, report: foreign };
  t.is(after_(agreed, { event: 'installer-reported', report: foreign }).name, 'installing');
  const swapped = aReport({ disk: { bytes: 9_000_000_000, content: 'foreign' } });
  t.is(after_(agreed, { event: 'installer-reported', report: swapped }).name, 'reported');
});

test('a board that tells something else each time is decided about every ten seconds at most', (t) => {
  const other = { event: 'installer-reported', report: aReport({ disk: { bytes: 1, content: 'blank' } }) } as const;
  for (const name of ['reported', 'pending'] as const) {
    t.is(
      transition(aDevice(states[name], { model: { model: 'pi4', final: true } }), other, after(START, seconds(9)))
        .outcome,
      'nothing',
    );
    t.is(transition(aDevice(states[name]), other, after(START, seconds(10))).outcome, 'moved');
  }
});

test('forged serials: a packet adds none beside the first, nothing adds any to a board that is ours, and no board has many', (t) => {
  const serial = (number: number) => must(parseSerial(number.toString(16).padStart(16, '0')));
  const packet = (number: number) => ({ event: 'dhcp-seen', mac: MAC, serial: serial(number) }) as const;
  const told = (number: number) =>
    ({ event: 'installer-reported', report: aReport({ serial: serial(number) }) }) as const;
  t.deepEqual(transition(aDevice(states.seen), packet(1), LATER).device.serials, [SERIAL]);
  for (const name of ['starting', 'ready', 'held', 'rejected', 'failed'] as const) {
    t.deepEqual(transition(aDevice(states[name]), told(1), LATER).device.serials, [SERIAL]);
  }
  let device: Device = aDevice(states.pending, { model: { model: 'pi4', final: true } });
  for (let number = 1; number < 50; number++) device = transition(device, told(number), LATER).device;
  t.is(device.serials.length, 4);
});

test('two boards behind one hardware address: the accepted one is the board, and the other serial number is nobody’s', (t) => {
  const twin = must(parseSerial('10000000abcdef02'));
  const [mine, theirs] = [aReport(), aReport({ serial: twin })];
  const told = transition(aDevice(states.pending), { event: 'installer-reported', report: theirs }, LATER).device;
  t.deepEqual([told.state.name, told.serials], ['reported', [SERIAL, twin]]);
  const hold = { event: 'admission-decided', verdict: { verdict: 'hold', reason: 'two' } } as const;
  const isHeld = transition(told, hold, LATER).device;
  t.deepEqual(isHeld.state, { name: 'held', reason: 'two', report: theirs });
  // The other one goes on asking: what the owner was told of is what he decides about.
  t.is(transition(isHeld, { event: 'installer-reported', report: mine }, after(LATER, minutes(1))).outcome, 'nothing');
  const accepted = transition(isHeld, events['accept-requested'], after(LATER, minutes(1))).device;
  t.deepEqual(accepted.state, { name: 'accepted', report: theirs, by: 'owner' });
  t.deepEqual(accepted.serials, [twin]);
});

test('held: looked at again when its rival is gone, not more often than any other that waits', (t) => {
  const again = { event: 'installer-reported', report: aReport(), again: true } as const;
  t.is(after_(states.held, again, after(START, seconds(9))).name, 'held');
  t.is(after_(states.held, again, after(START, seconds(10))).name, 'reported');
  t.is(after_(states.held, events['installer-reported']).name, 'held');
});

test('held for something else than a rival: what its installer says changes nothing, and it cannot be accepted', (t) => {
  const old = { name: 'held', reason: 'x' } as const;
  t.is(transition(aDevice(old), events['accept-requested'], LATER).outcome, 'refused');
  t.is(after_(old, events['retry-requested']).name, 'seen');
  t.deepEqual(after_(old, events['installer-reported']), old);
});

test('the deadline of a state that is over changes nothing', (t) => {
  const later = aDevice(states.starting, { since: after(START, minutes(1)) });
  t.is(transition(later, events['deadline-passed'], LATER).outcome, 'nothing');
  t.is(transition(aDevice(states.ready), events['deadline-passed'], LATER).outcome, 'nothing');
});

test('a board that is ours is never offered to be decided about again, whatever it sends', (t) => {
  const ours: StateName[] = ['starting', 'joining', 'ready', 'unreachable'];
  for (const state of ours) {
    for (const event of ['dhcp-seen', 'boot-file-served', 'installer-reported'] as const) {
      t.is(after_(states[state], events[event]).name, state);
    }
  }
});

test('evidence: a full serial replaces its half, the first claim of a model sticks, the device tree is final', (t) => {
  const halfSeen = aDevice(states.seen, { serials: [], model: undefined });
  const half = { event: 'boot-file-served', file: 'start4.elf', serial: 'abcdef01' } as unknown as LifecycleEvent;
  const first = transition(halfSeen, half, LATER).device;
  t.deepEqual(first.serials, ['abcdef01'] as unknown as typeof first.serials);
  const claim = { ...events['dhcp-seen'], model: 'pi3b+' } as const;
  const claimed = transition(first, claim, LATER).device;
  t.deepEqual(claimed.model, { model: 'pi3b+', final: false });
  t.is(transition(claimed, { ...claim, model: 'pi5' }, LATER).device.model?.model, 'pi3b+');
  const reported = transition(claimed, events['installer-reported'], LATER).device;
  t.deepEqual(reported.serials, ['10000000abcdef01'] as unknown as typeof reported.serials);
  t.deepEqual(reported.model, { model: 'pi4', final: true });
});

test('any sequence of events: deterministic, name, address and id for ever, deadline in the future when moved', (t) => {
  const anyEvents = fc.array(fc.constantFrom(...eventNames), { maxLength: 40 });
  fc.assert(
    fc.property(anyEvents, (names) => {
      const born: Device = aDevice();
      let device: Device = born;
      let now = START;
      for (const name of names) {
        now = instant(now + 1000);
        const one = transition(device, events[name], now);
        const two = transition(device, events[name], now);
        if (JSON.stringify(one) !== JSON.stringify(two)) return false;
        if (one.outcome === 'moved' && one.device.deadline !== undefined && one.device.deadline <= now) return false;
        device = one.device;
      }
      return device.id === born.id && device.name === born.name && device.address === born.address;
    }),
  );
  t.pass();
});

test('evidence: who showed our host key is the board, before whoever only used its name', (t) => {
  const [liar, other] = [must(parseMac('02:00:00:0b:ad:01')), must(parseMac('02:00:00:00:00:02'))];
  const answered = { event: 'ssh-answered', mac: MAC } as const;
  const macsOf = (macs: Device['macs']) => transition(aDevice(states.starting, { macs }), answered, LATER).device.macs;
  t.deepEqual(macsOf([liar]), [MAC, liar]);
  t.deepEqual(macsOf([liar, MAC, other]), [MAC, liar, other]);
  t.deepEqual(macsOf([MAC, other]), [MAC, other]);
  t.deepEqual(macsOf([]), [MAC]);
});

test('an address that is heard is taken over where addresses are the router’s, and never where they are ours', (t) => {
  const { 'address-heard': heard, 'address-lost': lost } = events;
  const moved = transition(aHeardDevice(states.joining), heard, LATER);
  t.is(moved.outcome, 'learned');
  t.like(moved.device, { address: heard.address, since: START, state: { name: 'joining' } });
  t.deepEqual(moved.effects, ['join']);
  t.is(transition(moved.device, heard, LATER).outcome, 'nothing');
  t.is(transition(moved.device, lost, LATER).device.address, undefined);
  const elsewhere = { ...moved.device, address: aDevice().address };
  t.is(transition(elsewhere, lost, LATER).outcome, 'nothing', 'it has another one by now');
  for (const event of [heard, lost, { ...lost, address: aDevice().address }]) {
    t.is(transition(aDevice(states.joining), event, LATER).outcome, 'nothing');
  }
});

test('a first login that failed is tried again only when asked for; an installer is another way in', (t) => {
  const failed = transition(aDevice(states.adopting), events['first-login-failed'], LATER).device;
  t.deepEqual(failed.state, {
    ...{ name: 'failed', code: 'FIRST_LOGIN', detail: 'wrong password' },
    resume: { at: 'adopt', by: 'owner' },
  });
  t.deepEqual(wants(failed.state), []);
  t.is(transition(failed, events['adopt-requested'], LATER).outcome, 'nothing');
  t.deepEqual(transition(failed, events['retry-requested'], LATER).effects, ['adopt']);
  t.is(transition(failed, events['installer-reported'], LATER).device.state.name, 'reported');
  t.is(transition(failed, events['forget-requested'], LATER).outcome, 'dropped');
  t.like(transition(failed, events['reject-requested'], LATER).device.state, { name: 'rejected', system: 'none' });
});

test('a board that has to restart in the middle of its join loses no attempt', (t) => {
  const restarts = { event: 'join-failed', code: 'BOARD_RESTARTS', detail: 'it restarts once' } as const;
  const after_ = transition(aDevice({ name: 'joining', attempt: JOIN_ATTEMPTS }), restarts, LATER);
  t.deepEqual([after_.device.state, after_.effects], [{ name: 'starting' }, ['await-ssh']]);
});
