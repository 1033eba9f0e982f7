/** Builders for lifecycle tests: a board in any state in one line. */
import { must } from '../../config/result.ts';
import {
  type Instant,
  instant,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
} from '../../config/values.ts';
import type { BoardReport, Device, DeviceState, DiskReport, StateName } from '../../daemon/lifecycle/device.ts';
import type { EventName, LifecycleEvent } from '../../daemon/lifecycle/event.ts';
import { lifetime } from '../../daemon/lifecycle/lifetime.ts';

export const MAC = must(parseMac('dc:a6:32:01:02:03'));
export const SERIAL = must(parseSerial('10000000abcdef01'));
export const START: Instant = instant(1_700_000_000_000);

export type ReportChanges = Partial<Omit<BoardReport, 'disk'>> & { readonly disk?: Partial<DiskReport> };

export const aDisk = (changes: Partial<DiskReport> = {}): DiskReport => ({
  name: 'mmcblk0',
  type: 'sd',
  model: 'SC32G',
  bytes: 8_000_000_000,
  content: 'blank',
  ...changes,
});

export const aReport = ({ disk, ...changes }: ReportChanges = {}): BoardReport => ({
  mac: MAC,
  serial: SERIAL,
  model: 'pi4',
  disk: aDisk(disk),
  memoryBytes: 4_000_000_000,
  source: 'netboot',
  proof: false,
  ...changes,
});

const report = aReport();
const place = { name: must(parseHostname('worker-kube1')), address: must(parseIpv4('10.77.0.100')) };

/** One board in each state. */
export const states: { readonly [S in StateName]: Extract<DeviceState, { name: S }> } = {
  seen: { name: 'seen' },
  booting: { name: 'booting' },
  adopting: { name: 'adopting', by: 'owner' },
  reported: { name: 'reported', report },
  pending: { name: 'pending', report, reason: 'its disk holds data' },
  accepted: { name: 'accepted', report, by: 'auto' },
  installing: { name: 'installing', report, arming: 'a1' },
  starting: { name: 'starting' },
  joining: { name: 'joining', attempt: 1 },
  ready: { name: 'ready', quarantined: true },
  unreachable: { name: 'unreachable' },
  'waiting-for-proof': { name: 'waiting-for-proof', signs: 'silence', pods: 2 },
  draining: { name: 'draining', by: 'owner', keep: true, work: { step: 'evicting', force: false, deleteData: false } },
  stopped: { name: 'stopped', by: 'owner', keep: false, away: true },
  'local-boot-failed': { name: 'local-boot-failed', rounds: 3, joined: true },
  reinstalling: { name: 'reinstalling', by: 'owner', start: { step: 'trying', restarts: 0 } },
  wiping: {
    name: 'wiping',
    by: 'owner',
    arming: 'w1',
    start: { step: 'running', disk: aDisk() },
  },
  held: { name: 'held', reason: 'two boards claim one serial', report },
  left: { name: 'left', by: 'owner', done: false },
  replaced: { name: 'replaced', by: 'owner', was: place, left: false },
  rejected: { name: 'rejected', by: 'owner', left: false, system: 'none' },
  failed: { name: 'failed', code: 'READ_BACK', detail: 'differs', resume: { at: 'install', report } },
};

/** One event of each kind. */
export const events: { readonly [E in EventName]: Extract<LifecycleEvent, { event: E }> } = {
  'dhcp-seen': { event: 'dhcp-seen', mac: MAC },
  'boot-file-served': { event: 'boot-file-served', file: 'start4.elf' },
  'address-heard': { event: 'address-heard', address: must(parseIpv4('10.77.0.23')) },
  'address-lost': { event: 'address-lost', address: must(parseIpv4('10.77.0.23')) },
  'installer-reported': { event: 'installer-reported', report },
  'admission-decided': { event: 'admission-decided', verdict: { verdict: 'accept', by: 'auto' } },
  'accept-requested': { event: 'accept-requested', by: 'owner' },
  'adopt-requested': { event: 'adopt-requested', by: 'owner' },
  adopted: { event: 'adopted' },
  'first-login-failed': { event: 'first-login-failed', code: 'FIRST_LOGIN', detail: 'wrong password' },
  'cluster-programs-gone': { event: 'cluster-programs-gone' },
  'reject-requested': { event: 'reject-requested', by: 'owner' },
  'retry-requested': { event: 'retry-requested', by: 'owner' },
  'leave-requested': { event: 'leave-requested', by: 'owner' },
  'forget-requested': { event: 'forget-requested', by: 'owner' },
  'replace-requested': { event: 'replace-requested', by: 'owner', was: place },
  'cluster-answered': { event: 'cluster-answered' },
  'reinstall-requested': { event: 'reinstall-requested', by: 'owner' },
  'wipe-requested': { event: 'wipe-requested', by: 'owner', arming: 'w2' },
  expected: { event: 'expected', by: 'owner' },
  'card-made': { event: 'card-made', by: 'owner' },
  'image-made': { event: 'image-made', arming: 'a1' },
  'image-failed': { event: 'image-failed', code: 'NO_BASE', detail: 'no base image' },
  'install-progressed': { event: 'install-progressed', percent: 43 },
  installed: { event: 'installed' },
  'install-failed': { event: 'install-failed', code: 'READ_BACK', detail: 'differs' },
  'installer-started': { event: 'installer-started' },
  'installer-start-failed': { event: 'installer-start-failed', code: 'SSH_TIMEOUT', detail: 'silence' },
  wiped: { event: 'wiped' },
  'ssh-answered': { event: 'ssh-answered' },
  'ssh-failed': { event: 'ssh-failed', code: 'SSH_AUTH', detail: 'refused' },
  'join-failed': { event: 'join-failed', code: 'JOIN', detail: 'refused' },
  'host-key-changed': { event: 'host-key-changed', detail: 'another key' },
  'local-boot-failed': { event: 'local-boot-failed', rounds: 3 },
  'boot-order-corrected': { event: 'boot-order-corrected', from: '0xf12', to: '0xf21' },
  'drain-requested': { event: 'drain-requested', by: 'owner', keep: true, force: true, deleteData: false },
  'drain-progressed': { event: 'drain-progressed', left: 3 },
  drained: { event: 'drained' },
  'uncordon-requested': { event: 'uncordon-requested', by: 'owner' },
  'shutdown-planned': { event: 'shutdown-planned', by: 'owner' },
  'shutdown-requested': { event: 'shutdown-requested', by: 'owner', boot: 'b1' },
  'stop-failed': { event: 'stop-failed', code: 'SSH_AUTH', detail: 'refused' },
  stopped: { event: 'stopped' },
  'startup-requested': { event: 'startup-requested', by: 'owner' },
  'node-ready': { event: 'node-ready' },
  'node-not-ready': { event: 'node-not-ready' },
  'node-deleted': { event: 'node-deleted' },
  'node-gone': { event: 'node-gone', signs: 'silence' },
  'proof-wanted': { event: 'proof-wanted', pods: 2 },
  'proof-given': { event: 'proof-given', by: 'anna' },
  'quarantine-released': { event: 'quarantine-released' },
  left: { event: 'left' },
  'name-conflict': { event: 'name-conflict', by: '10.77.0.99' },
  'name-conflict-over': { event: 'name-conflict-over' },
  'rival-seen': { event: 'rival-seen', by: 'worker-kube9' },
  'node-suspected': { event: 'node-suspected', node: 'stranger', why: 'it has the address of this board' },
  'deadline-passed': { event: 'deadline-passed', since: START },
};

type Reserved = Extract<Device, { addressing: 'reserved' }>;
type Heard = Extract<Device, { addressing: 'heard' }>;

/** Beside a router that gives the addresses. */
export function aHeardDevice(state: DeviceState = states.seen, changes: Partial<Heard> = {}): Heard {
  return { ...aDevice(state), addressing: 'heard', address: undefined, ...changes };
}

export function aDevice(state: DeviceState = states.seen, changes: Partial<Reserved> = {}): Reserved {
  const span = lifetime(state);
  return {
    id: must(parseDeviceId('d-0123456789ab')),
    name: must(parseHostname('worker-kube1')),
    addressing: 'reserved',
    address: must(parseIpv4('10.77.0.100')),
    macs: [MAC],
    serials: [SERIAL],
    model: undefined,
    disk: undefined,
    firstSeen: START,
    state,
    since: START,
    deadline: span === undefined ? undefined : instant(START + span),
    ...changes,
  };
}
