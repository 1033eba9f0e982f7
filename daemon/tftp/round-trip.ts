/** How long a client takes to acknowledge, and so after what silence something was lost (RFC 6298). */
import { type Millis, millis } from '../../config/values.ts';

export type RoundTrip = { readonly smoothed: Millis; readonly variation: Millis };

/** Only of packets that were sent once: an ACK does not say which of two it answers (Karn). */
export function withSample(before: RoundTrip | undefined, sample: Millis): RoundTrip {
  if (before === undefined) return { smoothed: sample, variation: millis(sample / 2) };
  const { smoothed, variation } = before;
  return {
    smoothed: millis(smoothed + (sample - smoothed) / 8),
    variation: millis(variation + (Math.abs(sample - smoothed) - variation) / 4),
  };
}

export const lossAfter = ({ smoothed, variation }: RoundTrip): Millis => millis(smoothed + 4 * variation);
