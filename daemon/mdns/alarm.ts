/** Time that never goes back, and one timer for all that is due. Pure of IO: the clock is the caller's. */
import { after, type Instant, instant, type Millis, millis, since } from '../../config/values.ts';
import type { Clock, Log } from '../ports.ts';

export type Alarm = {
  /** Does not follow the wall clock when that is set back. */
  readonly now: () => Instant;
  /** Calls `onDue` once at `at`; an earlier call of `set` is forgotten. What `onDue` throws is logged. */
  readonly set: (at: Instant | undefined) => void;
};

/** `now` of the machine follows corrections; what was due in 250 ms must not wait until the wall clock is there again. */
export function createAlarm(deps: { clock: Clock; log: Log; signal: AbortSignal; onDue: () => void }): Alarm {
  const { clock, signal } = deps;
  let ahead: Millis = millis(0);
  let latest: Instant | undefined;
  let ringing: { readonly at: Instant; readonly cancel: AbortController } | undefined;

  // One listener for all: this is called for nearly every packet.
  signal.addEventListener('abort', () => ringing?.cancel.abort(), { once: true });

  const now = (): Instant => {
    const wall = after(clock.now(), ahead);
    if (latest !== undefined && wall < latest) ahead = millis(ahead + since(wall, latest));
    latest = latest === undefined || wall > latest ? wall : latest;
    return latest;
  };

  const set = (at: Instant | undefined): void => {
    if (ringing?.at === at) return;
    ringing?.cancel.abort();
    ringing = undefined;
    if (at === undefined || signal.aborted) return;
    const cancel = new AbortController();
    const mine = { at, cancel };
    ringing = mine;
    const wait = millis(Math.max(0, since(now(), at)));
    clock.sleep(wait, cancel.signal).then(
      () => {
        if (ringing !== mine) return;
        ringing = undefined;
        const early = since(now(), at);
        if (early > 0) ahead = millis(ahead + early);
        try {
          deps.onDue();
        } catch (cause) {
          deps.log.error('mDNS timer failed', { cause });
        }
      },
      // It rejects for one reason only: it is not wanted any more.
      () => undefined,
    );
  };
  return { now, set };
}

/** Undefined if nothing is ever due. */
export function earliest(moments: readonly (Instant | undefined)[]): Instant | undefined {
  const due = moments.filter((moment) => moment !== undefined);
  return due.length === 0 ? undefined : due.reduce((a, b) => instant(Math.min(a, b)));
}
