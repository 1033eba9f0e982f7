/** What is on disk of a board's state. */
import { assertNever } from '../../config/result.ts';
import type {
  DeviceState,
  DrainStep,
  InstallerStart,
  OwnSystem,
  ResumePoint,
  StateName,
  WipeStep,
} from '../lifecycle/device.ts';
import { count, type Fields, flag, object, oneOf, optional, text, texts } from './fields.ts';
import { boardReport, dataOf, diskReport, failure, namesOf, outputOf, payloadOf, place, textOf } from './payload.ts';

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

export const statePayload = ({ name: _, ...data }: DeviceState): string => payloadOf(data);

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

/** Present or absent, never `undefined`: an event that was read is deeply equal to the one that was written. */
function earlierOf(from: Fields) {
  const earlier = optional(from, 'earlier', texts);
  return earlier === undefined ? {} : { earlier };
}
