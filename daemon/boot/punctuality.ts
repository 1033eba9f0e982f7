/** Did a board's first DISCOVERs get lost on their way? Told from when the first one came that was heard. Pure. */
import { type Millis, seconds } from '../../config/values.ts';

/** One DISCOVER. */
export type Arrival = {
  /** Boot ROMs leave `secs` at 0 (facts 3.1); systems count from their first attempt (RFC 2131, table 1). */
  readonly isPxe: boolean;
  readonly secs: number;
  /** Not its first one: its system was heard within `attentive`, or it may have been heard before we listened. */
  readonly isRepetition: boolean;
  /** How long ago it was told to start, if that was within `attentive` and it was not heard since. */
  readonly sinceRestart: 'not' | 'just now' | 'long ago';
};

/** Two or three attempts, which get lost anywhere. */
const secsLate = 10;
/** A port opens after 30 s, 50 s at most (IEEE 802.1D-2004, 17.14): what is later has other reasons. */
const secsMax = 90;
/** For so long a message belongs to the same attempts. */
export const attentive: Millis = seconds(secsMax);
/** From the last word of the installer to the DISCOVER of the boot ROM. */
export const restartTakes: Millis = seconds(25);

/** Undefined: this one tells nothing. */
export function isLate({ isPxe, secs, isRepetition, sinceRestart }: Arrival): boolean | undefined {
  if (isPxe) return sinceRestart === 'not' ? undefined : sinceRestart === 'long ago';
  if (isRepetition || secs > secsMax) return undefined;
  return secs >= secsLate;
}
