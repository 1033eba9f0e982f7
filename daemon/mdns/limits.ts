/** How many packets may come from a host. */
import type { Limits } from '../traffic/gate.ts';

export const mdnsLimits: Limits = {
  // A host that comes up probes three times and announces twice, for each of its services; a browser repeats at intervals that
  // double (RFC 6762 5.2, 8). 20 services in a second are 100 packets.
  each: { burst: 200, perSecond: 25 },
  // 100 boards that come up within the same seconds, and the telephones of a school.
  strangers: { burst: 2000, perSecond: 500 },
};
