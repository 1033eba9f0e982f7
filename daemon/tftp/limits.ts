/** How many requests may come from an address. */
import type { Limits } from '../traffic/gate.ts';

export const tftpLimits: Limits = {
  // A boot asks for some 45 files within three seconds, half of them not there, a few three times within 9 ms, and most once
  // more after a look at their length (facts 4.2, 5): 100 requests. Firmware begins anew after 5 s at the earliest.
  each: { burst: 256, perSecond: 64 },
  // Beside a router the boards have its addresses, and all are strangers: 100 of them at once, each with the 20 requests that
  // it makes before the first large file. What follows comes as slowly as the files go out: 30 MB to each of 100 boards take
  // a gigabit network 25 s, in which they make 400 requests a second.
  strangers: { burst: 2000, perSecond: 1000 },
};
