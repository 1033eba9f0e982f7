/** Devices and events of every shape, and a store in a folder that goes away with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import {
  type DeviceId,
  instant,
  ipv4FromNumber,
  parseDeviceId,
  parseHostname,
  parseMac,
  parseSerial,
} from '../../../config/values.ts';
import type { BoardReport, Device, DeviceState } from '../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../daemon/lifecycle/event.ts';
import { type OpenStoreOptions, openStore } from '../../../daemon/store/open.ts';
import type { Store, Write } from '../../../daemon/store/store.ts';
import { createLogDouble } from '../../support/doubles.ts';

export const mac = must(parseMac('dc:a6:32:01:02:03'));
export const serial = must(parseSerial('00000000abcdef01'));

const name = must(parseHostname('worker-kube1'));

export const report: BoardReport = {
  mac,
  serial,
  model: 'pi4',
  disk: { name: 'mmcblk0', type: 'sd', model: 'SC32G', bytes: 31_914_983_424, content: 'blank' },
  memoryBytes: 4 * 2 ** 30,
  source: 'netboot',
  proof: false,
};
const bare: BoardReport = { ...report, serial: undefined, model: undefined, source: 'join-card', proof: true };

export const states: readonly DeviceState[] = [
  { name: 'seen' },
  { name: 'booting' },
  { name: 'adopting', by: 'auto: nobody else is on this network' },
  { name: 'failed', code: 'FIRST_LOGIN', detail: 'refused', resume: { at: 'adopt', by: 'owner' } },
  { name: 'reported', report },
  { name: 'reported', report: bare },
  { name: 'pending', report, reason: 'its disk holds a foreign system: "Ümläut"' },
  {
    name: 'pending',
    report: { ...report, disk: { ...report.disk, content: 'foreign', device: must(parseDeviceId('d-0123456789ab')) } },
    reason: 'its disk is that of worker-kube2',
  },
  { name: 'accepted', report, by: 'auto' },
  { name: 'accepted', report, by: 'owner', earlier: ['a1b2'] },
  { name: 'installing', report, arming: 'a1b2' },
  { name: 'installing', report, arming: 'c3d4', earlier: ['a1b2', 'ffff'] },
  { name: 'starting' },
  { name: 'starting', card: true },
  { name: 'joining', attempt: 3 },
  { name: 'ready', quarantined: true },
  { name: 'ready', quarantined: false },
  { name: 'unreachable' },
  { name: 'draining', by: 'anna', keep: true, work: { step: 'evicting', force: false, deleteData: true } },
  {
    ...{ name: 'draining', by: 'anna', keep: false },
    work: { step: 'evicting', force: true, deleteData: false, left: 3, waits: 'default/db-0: its budget' },
  },
  { name: 'draining', by: 'anna', keep: true, work: { step: 'drained' } },
  { name: 'draining', by: 'ups', keep: false, work: { step: 'cordoned' } },
  { name: 'draining', by: 'ups', keep: false, work: { step: 'stopping' } },
  {
    ...{ name: 'draining', by: 'ups', keep: false },
    work: { step: 'stopping', boot: 'b-1', trouble: { code: 'SSH_AUTH', detail: 'refused' } },
  },
  { name: 'stopped', by: 'ups', keep: false, away: false },
  { name: 'stopped', by: 'ups', keep: true, away: true, boot: 'b-1', power: '/opt/poe off: ended with 1' },
  { name: 'unreachable', signs: 'silence' },
  { name: 'unreachable', signs: 'silence', proof: 'anna' },
  { name: 'waiting-for-proof', signs: 'silence', pods: 2 },
  { name: 'local-boot-failed', rounds: 3, joined: false },
  { name: 'reinstalling', by: 'owner', start: { step: 'trying', restarts: 1 } },
  {
    name: 'reinstalling',
    by: 'owner',
    start: { step: 'waiting', restarts: 0, code: 'SSH_TIMEOUT', detail: 'silence' },
  },
  { name: 'reinstalling', by: 'owner', start: { step: 'restarted', restarts: 3 } },
  { name: 'reinstalling', by: 'owner', start: { step: 'given-up' } },
  { name: 'wiping', by: 'owner', arming: 'w1', start: { step: 'leaving' } },
  { name: 'wiping', by: 'owner', arming: 'w1', start: { step: 'trying', restarts: 0 } },
  { name: 'wiping', by: 'owner', arming: 'w1', start: { step: 'running', disk: report.disk } },
  { name: 'wiping', by: 'owner', arming: 'w1', start: { step: 'done' } },
  { name: 'held', reason: 'another board claims its serial' },
  { name: 'held', reason: 'another board claims its serial', report },
  { name: 'rejected', by: 'owner', left: true, system: 'disk' },
  { name: 'joining', attempt: 1, waits: 'connection refused' },
  { name: 'left', by: 'owner', done: false },
  { name: 'left', by: 'owner', done: true },
  { name: 'replaced', by: 'owner', was: { name, address: undefined }, left: false },
  { name: 'replaced', by: 'owner', was: { name, address: ipv4FromNumber(0xc0a80117) }, left: true },
  { name: 'failed', code: 'IMAGE_NO_BASE', detail: 'no base', resume: { at: 'install', report } },
  { name: 'failed', code: 'INSTALL_TIMEOUT', detail: 'x', resume: { at: 'install', report, arming: 'a1b2' } },
  { name: 'failed', code: 'NO_BASE', detail: 'x', resume: { at: 'install', report, earlier: ['a1b2'] } },
  { name: 'failed', code: 'SSH_TIMEOUT', detail: '', resume: { at: 'start' } },
  { name: 'failed', code: 'JOIN_REFUSED', detail: 'x', resume: { at: 'join' } },
  { name: 'failed', code: 'JOIN_FAILED', detail: 'x', output: 'pulling\nno space left', resume: { at: 'join' } },
  { name: 'failed', code: 'DISK_FOREIGN', detail: 'x', resume: { at: 'wipe', by: 'owner', arming: 'w1' } },
];

export const events: readonly LifecycleEvent[] = [
  { event: 'dhcp-seen', mac },
  { event: 'dhcp-seen', mac, serial, model: 'pi3b+' },
  { event: 'boot-file-served', file: 'abcdef01/start4.elf' },
  { event: 'boot-file-served', file: '../\u0000\n"', serial },
  { event: 'address-heard', address: ipv4FromNumber(0xc0a80117) },
  { event: 'address-lost', address: ipv4FromNumber(0xc0a80117) },
  { event: 'installer-reported', report },
  { event: 'installer-reported', report: bare },
  { event: 'admission-decided', verdict: { verdict: 'accept', by: 'auto' } },
  { event: 'admission-decided', verdict: { verdict: 'wait', reason: 'beside the router' } },
  { event: 'admission-decided', verdict: { verdict: 'hold', reason: 'twice' } },
  { event: 'accept-requested', by: 'owner' },
  { event: 'reject-requested', by: 'owner' },
  { event: 'retry-requested', by: 'owner' },
  { event: 'reinstall-requested', by: 'owner' },
  { event: 'leave-requested', by: 'owner' },
  { event: 'forget-requested', by: 'owner' },
  { event: 'replace-requested', by: 'owner', was: { name, address: ipv4FromNumber(0xc0a80117) } },
  { event: 'cluster-answered' },
  { event: 'wipe-requested', by: 'owner', arming: 'w1' },
  { event: 'expected', by: 'owner' },
  { event: 'card-made', by: 'owner' },
  { event: 'installer-started' },
  { event: 'join-failed', code: 'C', detail: 'd', output: 'o' },
  { event: 'host-key-changed', detail: 'd' },
  { event: 'installer-start-failed', code: 'C', detail: 'd' },
  { event: 'wiped' },
  { event: 'ssh-answered', mac },
  { event: 'local-boot-failed', rounds: 3 },
  { event: 'boot-order-corrected', from: '0xf12', to: '0xf21' },
  { event: 'image-made', arming: 'a1b2' },
  { event: 'image-failed', code: 'C', detail: 'd' },
  { event: 'install-progressed', percent: 43 },
  { event: 'installed' },
  { event: 'install-failed', code: 'C', detail: 'd' },
  { event: 'ssh-answered' },
  { event: 'ssh-failed', code: 'C', detail: 'd' },
  { event: 'join-failed', code: 'C', detail: 'd' },
  { event: 'node-ready' },
  { event: 'drain-requested', by: 'anna', keep: true, force: false, deleteData: true },
  { event: 'drain-progressed', left: 3 },
  { event: 'drain-progressed', left: 0, waits: 'the cluster does not answer' },
  { event: 'drained' },
  { event: 'uncordon-requested', by: 'anna' },
  { event: 'shutdown-planned', by: 'ups' },
  { event: 'shutdown-requested', by: 'ups' },
  { event: 'shutdown-requested', by: 'ups', boot: 'b-1' },
  { event: 'stop-failed', code: 'SSH_AUTH', detail: 'refused' },
  { event: 'stopped' },
  { event: 'stopped', power: '/opt/poe off: ended with 1' },
  { event: 'startup-requested', by: 'ups' },
  { event: 'node-not-ready' },
  { event: 'node-deleted' },
  { event: 'quarantine-released' },
  { event: 'left' },
  { event: 'rival-seen', by: 'worker-kube9' },
  { event: 'node-suspected', node: 'stranger', why: 'x' },
  { event: 'deadline-passed', since: instant(1_700_000_000_000) },
];

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

export const deviceId = (number: number): DeviceId => must(parseDeviceId(`d-${hex(number, 12)}`));

type Reserved = Extract<Device, { addressing: 'reserved' }>;

/** Number `n` shares nothing with the others. */
export function device(number: number, changes: Partial<Reserved> = {}): Reserved {
  return {
    id: deviceId(number),
    name: must(parseHostname(`worker-kube${number}`)),
    addressing: 'reserved',
    address: ipv4FromNumber(0xc0a80100 + number),
    macs: [must(parseMac(`dc:a6:32:00:${hex(number >> 8, 2)}:${hex(number & 255, 2)}`))],
    serials: [],
    model: undefined,
    disk: undefined,
    firstSeen: instant(1_700_000_000_000 + number),
    state: { name: 'seen' },
    since: instant(1_700_000_000_000 + number),
    deadline: undefined,
    ...changes,
  };
}

export const put = (one: Device): Write => ({ write: 'put-device', device: one });

export const append = (id: DeviceId, event: LifecycleEvent, at = 1_700_000_000_000): Write => ({
  write: 'append-event',
  device: id,
  at: instant(at),
  event,
  from: 'seen',
  to: 'booting',
  reason: 'it asked for boot files',
});

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'bramble-store-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Closed with the test, if it does not do so itself. */
export async function open(
  t: ExecutionContext,
  directory: string,
  options: Partial<OpenStoreOptions> = {},
): Promise<Store> {
  const controller = new AbortController();
  const store = await openStore({ directory, log: createLogDouble(), signal: controller.signal, ...options });
  t.teardown(() => store.close());
  return store;
}

export async function openNew(t: ExecutionContext, options: Partial<OpenStoreOptions> = {}): Promise<Store> {
  return open(t, await temporaryFolder(t), options);
}
