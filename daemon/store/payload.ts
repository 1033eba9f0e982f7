/** The JSON of a device's state and of an event: written with a version, read by the parser of that version. */
import { assertNever } from '../../config/result.ts';
import { diskTypes, instant, models, parseIpv4, parseMac, parseSerial } from '../../config/values.ts';
import type { BoardReport, DeviceState, ResumePoint, StateName } from '../lifecycle/device.ts';
import type { EventName, LifecycleEvent, Verdict } from '../lifecycle/event.ts';
import { asFields, count, Damage, type Fields, flag, json, object, oneOf, optional, parsed, text } from './fields.ts';

const version = 1;

/** A record, so that a new member of the union is a compile error here. */
const namesOf = <Name extends string>(all: Readonly<Record<Name, true>>): readonly Name[] =>
  Object.keys(all).filter((name): name is Name => name in all);

const stateNames: readonly StateName[] = namesOf<StateName>({
  seen: true,
  booting: true,
  reported: true,
  pending: true,
  accepted: true,
  installing: true,
  starting: true,
  joining: true,
  ready: true,
  unreachable: true,
  held: true,
  rejected: true,
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
  'reject-requested': true,
  'retry-requested': true,
  'image-made': true,
  'image-failed': true,
  installed: true,
  'install-failed': true,
  'ssh-answered': true,
  'ssh-failed': true,
  'join-failed': true,
  'node-ready': true,
  'node-not-ready': true,
  'node-deleted': true,
  'quarantine-released': true,
  left: true,
  'name-conflict': true,
  'name-conflict-over': true,
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
    case 'starting':
    case 'unreachable':
      return { name };
    case 'reported':
      return { name, report: boardReport(from) };
    case 'pending':
      return { name, report: boardReport(from), reason: text(from, 'reason') };
    case 'accepted':
      return { name, report: boardReport(from), by: text(from, 'by') };
    case 'installing':
      return { name, report: boardReport(from), arming: text(from, 'arming') };
    case 'joining':
      return { name, attempt: count(from, 'attempt') };
    case 'ready':
      return { name, quarantined: flag(from, 'quarantined') };
    case 'held':
      return { name, reason: text(from, 'reason') };
    case 'rejected':
      return { name, by: text(from, 'by'), left: flag(from, 'left') };
    case 'failed':
      return { name, ...failure(from), resume: resumePoint(object(from, 'resume')) };
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
    case 'reject-requested':
    case 'retry-requested':
      return { event, by: text(from, 'by') };
    case 'image-made':
      return { event, arming: text(from, 'arming') };
    case 'image-failed':
    case 'install-failed':
    case 'ssh-failed':
    case 'join-failed':
      return { event, ...failure(from) };
    case 'installed':
    case 'ssh-answered':
    case 'node-ready':
    case 'node-not-ready':
    case 'node-deleted':
    case 'quarantine-released':
    case 'left':
    case 'name-conflict-over':
      return { event };
    case 'name-conflict':
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
  const disk = object(report, 'disk');
  return {
    mac: parsed(report, 'mac', parseMac),
    serial: serialOf(report).serial,
    model: modelOf(report).model,
    disk: {
      // What was written before the installer told all disks has none of these.
      name: optional(disk, 'name', text) ?? '',
      type: optional(disk, 'type', (from, name) => oneOf(from, name, diskTypes)) ?? 'other',
      model: optional(disk, 'model', text) ?? '',
      bytes: count(disk, 'bytes'),
      content: oneOf(disk, 'content', ['blank', 'empty', 'ours', 'foreign', 'none']),
    },
    memoryBytes: count(report, 'memoryBytes'),
    source: oneOf(report, 'source', ['netboot', 'join-card', 'reinstall']),
    proof: flag(report, 'proof'),
  };
}

function verdict(from: Fields): Verdict {
  const kind = oneOf(from, 'verdict', ['accept', 'wait', 'hold']);
  return kind === 'accept' ? { verdict: kind, by: text(from, 'by') } : { verdict: kind, reason: text(from, 'reason') };
}

function resumePoint(from: Fields): ResumePoint {
  const at = oneOf(from, 'at', ['install', 'start', 'join']);
  return at === 'install' ? { at, report: boardReport(from) } : { at };
}

const failure = (from: Fields) => ({ code: text(from, 'code'), detail: text(from, 'detail') });

/** Present or absent, never `undefined`: an event that was read is deeply equal to the one that was written. */
function serialOf(from: Fields) {
  const serial = optional(from, 'serial', (fields, name) => parsed(fields, name, parseSerial));
  return serial === undefined ? {} : { serial };
}

function modelOf(from: Fields) {
  const model = optional(from, 'model', (fields, name) => oneOf(fields, name, models));
  return model === undefined ? {} : { model };
}
