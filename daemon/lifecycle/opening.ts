/**
 * The window in which boards are accepted by themselves whatever the mode says (`bramble open N --for 10m`). Pure.
 *
 * While the daemon runs its time is counted in rests. Over a restart nothing counts but the wall clock, which may be wrong:
 * what cannot be relied on closes the window.
 */
import { type Instant, type Millis, millis, minutes, since } from '../../config/values.ts';

export type Opening = {
  readonly by: string;
  /** How many more may come in. */
  readonly boards: number;
  readonly left: Millis;
};

export const OPENING_MAX = { boards: 1000, left: minutes(24 * 60) } as const;

/** As it is kept, with the time of the wall clock at which that was so. */
export const openingText = (opening: Opening, now: Instant): string => JSON.stringify({ ...opening, at: now });

/** What is left of it by now; undefined if that is nothing, or if nobody can tell. */
export function resumedOpening(text: string | undefined, now: Instant): Opening | undefined {
  const kept = text === undefined ? undefined : read(text);
  if (kept === undefined || kept.at > now) return undefined;
  const left = millis(kept.left - since(kept.at, now));
  return left > 0 && kept.boards > 0 ? { by: kept.by, boards: kept.boards, left } : undefined;
}

function read(text: string): (Opening & { readonly at: Instant }) | undefined {
  try {
    const { by, boards, left, at }: Record<string, unknown> = Object(JSON.parse(text));
    const isWhole = (value: unknown, most: number): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
    if (typeof by !== 'string' || !isWhole(boards, OPENING_MAX.boards) || !isWhole(left, OPENING_MAX.left))
      return undefined;
    return isWhole(at, Number.MAX_SAFE_INTEGER) ? { by, boards, left: millis(left), at: at as Instant } : undefined;
  } catch {
    return undefined;
  }
}
