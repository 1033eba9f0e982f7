/** How many requests may come from an address. */
import type { Limits } from '../traffic/gate.ts';

export const tftpLimits: Limits = {
  // A boot asks for some 45 files within three seconds, half of them not there, a few three times within 9 ms, and most once
  // more after a look at their length (facts 4.2, 5): 100 requests. Firmware begins anew after 5 s at the earliest.
  each: { burst: 256, perSecond: 64 },
  // Beside a router the boards have its addresses, and all are strangers: 100 of them at once.
  strangers: { burst: 10_000, perSecond: 1000 },
};
