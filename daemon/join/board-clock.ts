/**
 * A Pi has no battery for its clock, and comes up in the past: certificates would not be valid yet. So its time is looked at
 * in the first session, and set from ours, unless ours is wrong itself.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Instant, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { SshSession } from './driver.ts';

/** How far the board's clock may be off; a certificate's begin is a few seconds to some minutes before it is handed out. */
const TOLERANCE = seconds(30);

/** `earliest`: it cannot be before this; the cluster's certificate authority was made then. */
export async function setClock(
  session: SshSession,
  { clock, earliest }: { readonly clock: Pick<Clock, 'now'>; readonly earliest: Instant },
): Promise<Result<void, Problem>> {
  if (clock.now() < earliest) return problem('CLOCK_WRONG', ownClockWrong(clock.now(), earliest));
  const before = clock.now();
  const read = await session.run('date', ['-u', '+%s']);
  if (!read.ok) return read;
  const told = read.value.stdout.trim();
  if (!/^\d{1,12}$/.test(told))
    return problem('CLOCK_UNREADABLE', `date answered ${JSON.stringify(told.slice(0, 80))}`);
  // It was read at some moment between asking and hearing.
  const [theirs, now] = [Number(told) * 1000, clock.now()];
  if (theirs > before - TOLERANCE && theirs < now + TOLERANCE) return ok(undefined);
  const set = await session.run('date', ['-u', '-s', `@${Math.round(clock.now() / 1000)}`]);
  if (!set.ok) return set;
  return set.value.code === 0
    ? ok(undefined)
    : problem(
        'CLOCK_NOT_SET',
        `its clock says ${new Date(theirs).toISOString()}: ${set.value.stderr.trim().slice(-200)}`,
      );
}

const ownClockWrong = (now: Instant, earliest: Instant): string =>
  `this master's clock says ${iso(now)}, and the cluster was made ${iso(earliest)}: set the time (timedatectl, or chronyc waitsync)`;

const iso = (at: Instant): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
