/** What is on disk of an event of a board. */
import { assertNever } from '../../config/result.ts';
import { instant, parseIpv4, parseMac } from '../../config/values.ts';
import type { EventName, LifecycleEvent, Verdict } from '../lifecycle/event.ts';
import { count, type Fields, flag, object, oneOf, optional, parsed, text } from './fields.ts';
import {
  boardReport,
  dataOf,
  failure,
  modelOf,
  namesOf,
  outputOf,
  payloadOf,
  place,
  serialOf,
  textOf,
} from './payload.ts';

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

export const eventPayload = ({ event: _, ...data }: LifecycleEvent): string => payloadOf(data);

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

function verdict(from: Fields): Verdict {
  const kind = oneOf(from, 'verdict', ['accept', 'wait', 'hold']);
  return kind === 'accept' ? { verdict: kind, by: text(from, 'by') } : { verdict: kind, reason: text(from, 'reason') };
}
