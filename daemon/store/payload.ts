/** The JSON of a device's state and of an event: written with a version, read by the parser of that version. */
import { assertNever } from '../../config/result.ts';
import {
  diskTypes,
  instant,
  models,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
} from '../../config/values.ts';
import {
  type BoardReport,
  bootSources,
  type DeviceState,
  type DiskReport,
  type DrainStep,
  diskContents,
  type InstallerStart,
  type OwnSystem,
  type Place,
  type ResumePoint,
  type StateName,
  type WipeStep,
} from '../lifecycle/device.ts';
import type { EventName, LifecycleEvent, Verdict } from '../lifecycle/event.ts';
import {
  asFields,
  count,
  Damage,
  type Fields,
  flag,
  json,
  object,
  oneOf,
  optional,
  parsed,
  text,
  texts,
} from './fields.ts';

const version = 1;

/** A record, so that a new member of the union is a compile error here. */
const namesOf = <Name extends string>(all: Readonly<Record<Name, true>>): readonly Name[] =>
  Object.keys(all).filter((name): name is Name => name in all);

const stateNames: readonly StateName[] = namesOf<StateName>({
  seen: true,
  booting: true,
  adopting: true,
  reported: true,
  pending: true,
  accepted: true,
  installing: true,
  starting: true,
  joining: true,
  ready: true,
  unreachable: true,
  'waiting-for-proof': true,
  draining: true,
  stopped: true,
  'local-boot-failed': true,
  reinstalling: true,
  wiping: true,
  held: true,
  rejected: true,
  left: true,
  replaced: true,
  failed: true,
});

const eventNames: readonly EventName[] = namesOf<EventName>({
  'dhcp-seen': true,
  'boot-file-served': true,
  'address-heard': true,
  'address-lost': true,
  'installer-reported': true,
  'admission-decided': true,
  'accept-requested': true,
  'adopt-requested': true,
  adopted: true,
  'first-login-failed': true,
  'cluster-programs-gone': true,
  'reject-requested': true,
  'retry-requested': true,
  'reinstall-requested': true,
  'leave-requested': true,
  'forget-requested': true,
  'replace-requested': true,
  'cluster-answered': true,
  'wipe-requested': true,
  expected: true,
  'card-made': true,
  'image-made': true,
  'image-failed': true,
  'install-progressed': true,
  installed: true,
  'install-failed': true,
  'installer-started': true,
  'installer-start-failed': true,
  wiped: true,
  'ssh-answered': true,
  'ssh-failed': true,
  'join-failed': true,
  'host-key-changed': true,
  'local-boot-failed': true,
  'boot-order-corrected': true,
  'drain-requested': true,
  'drain-progressed': true,
  drained: true,
  'uncordon-requested': true,
  'shutdown-planned': true,
  'shutdown-requested': true,
  'stop-failed': true,
  stopped: true,
  'startup-requested': true,
  'node-ready': true,
  'node-not-ready': true,
  'node-deleted': true,
  'node-gone': true,
  'proof-wanted': true,
  'proof-given': true,
  'quarantine-released': true,
  left: true,
  'name-conflict': true,
  'name-conflict-over': true,
  'rival-seen': true,
  'node-suspected': true,
  'deadline-passed': true,
});

/** The names stand in columns of their own. */
export const statePayload = ({ name: _, ...data }: DeviceState): string => JSON.stringify({ version, data });
export const eventPayload = ({ event: _, ...data }: LifecycleEvent): string => JSON.stringify({ version, data });

/** Throws `Damage`. */
export function readState(row: Fields): DeviceState {
  const name = oneOf(row, 'state', stateNames);
  const from = dataOf(row);
  switch (name) {
    case 'seen':
    case 'booting':
      return { name };
    case 'unreachable': {
      // Absent where nobody holds it gone, or nothing was proven; and before boards were fenced.
      const [signs, proof] = [optional(from, 'signs', text), optional(from, 'proof', text)];
      return { name, ...(signs !== undefined && { signs }), ...(proof !== undefined && { proof }) };
    }
    case 'waiting-for-proof':
      return { name, signs: text(from, 'signs'), pods: count(from, 'pods') };
    case 'starting':
      // Absent before there were cards made for one board.
      return optional(from, 'card', flag) === true ? { name, card: true } : { name };
    case 'adopting':
      return { name, by: text(from, 'by') };
    case 'reported':
      return { name, report: boardReport(from) };
    case 'pending':
      return { name, report: boardReport(from), reason: text(from, 'reason') };
    case 'accepted':
      return { name, report: boardReport(from), by: text(from, 'by'), ...earlierOf(from) };
    case 'installing':
      return { name, report: boardReport(from), arming: text(from, 'arming'), ...earlierOf(from) };
    case 'joining': {
      // Absent where it does not wait, and before any board did.
      const waits = optional(from, 'waits', text);
      return { name, attempt: count(from, 'attempt'), ...(waits !== undefined && { waits }) };
    }
    case 'ready':
      return { name, quarantined: flag(from, 'quarantined') };
    case 'draining':
      return { name, by: text(from, 'by'), keep: flag(from, 'keep'), work: drainStep(object(from, 'work')) };
    case 'stopped':
      return {
        ...{ name, by: text(from, 'by'), keep: flag(from, 'keep'), away: flag(from, 'away') },
        ...textOf(from, 'boot'),
        ...textOf(from, 'power'),
      };
    case 'local-boot-failed':
      return { name, rounds: count(from, 'rounds'), joined: flag(from, 'joined') };
    case 'reinstalling':
      return { name, by: text(from, 'by'), start: installerStart(object(from, 'start')) };
    case 'wiping':
      return { name, by: text(from, 'by'), arming: text(from, 'arming'), start: wipeStep(from) };
    case 'held':
      // Of those that another board says to be; absent before it was kept.
      return { name, reason: text(from, 'reason'), ...('report' in from && { report: boardReport(from) }) };
    case 'left':
      return { name, by: text(from, 'by'), done: flag(from, 'done') };
    case 'replaced':
      return { name, by: text(from, 'by'), was: place(from), left: flag(from, 'left') };
    case 'rejected':
      // Absent before it was kept.
      return {
        name,
        by: text(from, 'by'),
        left: flag(from, 'left'),
        system: optional(from, 'system', ownSystem) ?? 'none',
      };
    case 'failed':
      return { name, ...failure(from), ...outputOf(from), resume: resumePoint(object(from, 'resume')) };
    default:
      return assertNever(name);
  }
}

/** Throws `Damage`; the reader of events takes that as "of another version". */
export function readEvent(row: Fields): LifecycleEvent {
  const event = oneOf(row, 'name', eventNames);
  const from = dataOf(row);
  switch (event) {
    case 'dhcp-seen':
      return { event, mac: parsed(from, 'mac', parseMac), ...serialOf(from), ...modelOf(from) };
    case 'boot-file-served':
      return { event, file: text(from, 'file'), ...serialOf(from) };
    case 'address-heard':
    case 'address-lost':
      return { event, address: parsed(from, 'address', parseIpv4) };
    case 'installer-reported':
      return { event, report: boardReport(from) };
    case 'admission-decided':
      return { event, verdict: verdict(object(from, 'verdict')) };
    case 'accept-requested':
    case 'adopt-requested':
    case 'reject-requested':
    case 'retry-requested':
    case 'reinstall-requested':
    case 'leave-requested':
    case 'forget-requested':
    case 'uncordon-requested':
    case 'shutdown-planned':
    case 'startup-requested':
    case 'expected':
    case 'card-made':
      return { event, by: text(from, 'by') };
    case 'replace-requested':
      return { event, by: text(from, 'by'), was: place(from) };
    case 'wipe-requested':
      return { event, by: text(from, 'by'), arming: text(from, 'arming') };
    case 'image-made':
      return { event, arming: text(from, 'arming') };
    case 'install-progressed':
      return { event, percent: count(from, 'percent') };
    case 'image-failed':
    case 'install-failed':
    case 'ssh-failed':
    case 'first-login-failed':
    case 'installer-start-failed':
    case 'stop-failed':
      return { event, ...failure(from) };
    case 'join-failed':
      return { event, ...failure(from), ...outputOf(from) };
    case 'host-key-changed':
      return { event, detail: text(from, 'detail') };
    case 'ssh-answered': {
      const mac = optional(from, 'mac', (fields, name) => parsed(fields, name, parseMac));
      return mac === undefined ? { event } : { event, mac };
    }
    case 'local-boot-failed':
      return { event, rounds: count(from, 'rounds') };
    case 'boot-order-corrected':
      return { event, from: text(from, 'from'), to: text(from, 'to') };
    case 'drain-requested':
      return {
        ...{ event, by: text(from, 'by'), keep: flag(from, 'keep') },
        ...{ force: flag(from, 'force'), deleteData: flag(from, 'deleteData') },
      };
    case 'drain-progressed':
      return { event, left: count(from, 'left'), ...textOf(from, 'waits') };
    case 'shutdown-requested':
      return { event, by: text(from, 'by'), ...textOf(from, 'boot') };
    case 'stopped':
      return { event, ...textOf(from, 'power') };
    case 'drained':
    case 'installed':
    case 'adopted':
    case 'cluster-programs-gone':
    case 'installer-started':
    case 'wiped':
    case 'node-ready':
    case 'node-not-ready':
    case 'node-deleted':
    case 'quarantine-released':
    case 'left':
    case 'cluster-answered':
    case 'name-conflict-over':
      return { event };
    case 'name-conflict':
    case 'rival-seen':
      return { event, by: text(from, 'by') };
    case 'node-suspected':
      return { event, node: text(from, 'node'), why: text(from, 'why') };
    case 'node-gone':
      return { event, signs: text(from, 'signs') };
    case 'proof-wanted':
      return { event, pods: count(from, 'pods') };
    case 'proof-given':
      return { event, by: text(from, 'by') };
    case 'deadline-passed':
      return { event, since: instant(count(from, 'since')) };
    default:
      return assertNever(event);
  }
}

/** A version that is to come gets its own branch here, and the old ones stay. */
function dataOf(row: Fields): Fields {
  const payload = json(row, 'payload');
  if (payload['version'] !== version) throw new Damage(`payload has version ${JSON.stringify(payload['version'])}`);
  return asFields(payload['data'], 'payload.data');
}

function boardReport(from: Fields): BoardReport {
  const report = object(from, 'report');
  return {
    mac: parsed(report, 'mac', parseMac),
    serial: serialOf(report).serial,
    model: modelOf(report).model,
    disk: diskReport(object(report, 'disk')),
    memoryBytes: count(report, 'memoryBytes'),
    source: oneOf(report, 'source', bootSources),
    proof: flag(report, 'proof'),
  };
}

export function diskReport(disk: Fields): DiskReport {
  const device = optional(disk, 'device', (from, name) => parsed(from, name, parseDeviceId));
  return {
    // What was written before the installer told all disks has none of these.
    name: optional(disk, 'name', text) ?? '',
    type: optional(disk, 'type', (from, name) => oneOf(from, name, diskTypes)) ?? 'other',
    model: optional(disk, 'model', text) ?? '',
    bytes: count(disk, 'bytes'),
    content: oneOf(disk, 'content', diskContents),
    ...(device !== undefined && { device }),
  };
}

function verdict(from: Fields): Verdict {
  const kind = oneOf(from, 'verdict', ['accept', 'wait', 'hold']);
  return kind === 'accept' ? { verdict: kind, by: text(from, 'by') } : { verdict: kind, reason: text(from, 'reason') };
}

function place(from: Fields): Place {
  const was = object(from, 'was');
  return {
    name: parsed(was, 'name', parseHostname),
    address: optional(was, 'address', (fields, name) => parsed(fields, name, parseIpv4)),
  };
}

const ownSystem = (from: Fields, name: string): OwnSystem => oneOf(from, name, ['disk', 'card', 'none']);

function resumePoint(from: Fields): ResumePoint {
  const at = oneOf(from, 'at', ['install', 'start', 'join', 'wipe', 'adopt']);
  switch (at) {
    case 'install': {
      // Absent before there was one, and where no installation was begun.
      const arming = optional(from, 'arming', text);
      return { at, report: boardReport(from), ...(arming !== undefined && { arming }), ...earlierOf(from) };
    }
    case 'wipe':
      return { at, by: text(from, 'by'), arming: text(from, 'arming') };
    case 'adopt':
      return { at, by: text(from, 'by') };
    case 'start':
    case 'join':
      return { at };
    default:
      return assertNever(at);
  }
}

function installerStart(from: Fields): InstallerStart {
  const step = oneOf(from, 'step', ['trying', 'waiting', 'restarted', 'running', 'given-up']);
  switch (step) {
    case 'trying':
    case 'restarted':
      return { step, restarts: count(from, 'restarts') };
    case 'waiting':
      return { step, restarts: count(from, 'restarts'), ...failure(from) };
    case 'running':
      return { step, disk: diskReport(object(from, 'disk')) };
    case 'given-up':
      return { step };
    default:
      return assertNever(step);
  }
}

function drainStep(from: Fields): DrainStep {
  const step = oneOf(from, 'step', ['evicting', 'drained', 'cordoned', 'stopping']);
  switch (step) {
    case 'evicting': {
      const left = optional(from, 'left', count);
      const how = { force: flag(from, 'force'), deleteData: flag(from, 'deleteData') };
      return { step, ...how, ...(left !== undefined && { left }), ...textOf(from, 'waits') };
    }
    case 'stopping':
      return { step, ...textOf(from, 'boot'), ...('trouble' in from && { trouble: failure(object(from, 'trouble')) }) };
    case 'drained':
    case 'cordoned':
      return { step };
    default:
      return assertNever(step);
  }
}

function wipeStep(from: Fields): WipeStep {
  const start = object(from, 'start');
  // Before these two were steps they were flags beside it.
  if (start['step'] === 'leaving' || optional(from, 'left', flag) === false) return { step: 'leaving' };
  if (start['step'] === 'done' || optional(from, 'done', flag) === true) return { step: 'done' };
  return installerStart(start);
}

const failure = (from: Fields) => ({ code: text(from, 'code'), detail: text(from, 'detail') });

/** Present or absent, never `undefined`. */
function textOf<Name extends string>(from: Fields, name: Name): { readonly [N in Name]?: string } {
  const value = optional(from, name, text);
  // The only key is the one that was asked for, which TypeScript takes for any text.
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: string });
}

/** Absent before it was kept, and where no program failed. */
const outputOf = (from: Fields) => textOf(from, 'output');

/** Present or absent, never `undefined`: an event that was read is deeply equal to the one that was written. */
function earlierOf(from: Fields) {
  const earlier = optional(from, 'earlier', texts);
  return earlier === undefined ? {} : { earlier };
}

function serialOf(from: Fields) {
  const serial = optional(from, 'serial', (fields, name) => parsed(fields, name, parseSerial));
  return serial === undefined ? {} : { serial };
}

function modelOf(from: Fields) {
  const model = optional(from, 'model', (fields, name) => oneOf(fields, name, models));
  return model === undefined ? {} : { model };
}
