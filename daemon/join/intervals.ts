/** How long to wait between two attempts. Pure: the caller sleeps. */
import { type Millis, millis } from '../../config/values.ts';

/** Each pause is half as long again as the one before, from 200 ms up to 2 s, and then 2 s for ever. */
export function* retryIntervals(first: Millis = millis(200), longest: Millis = millis(2000)): Generator<Millis, never> {
  for (let pause: number = first; ; pause = Math.min(longest, Math.round(pause * 1.5))) {
    yield millis(Math.min(pause, longest));
  }
}
