/** How many requests may come from an address of the LAN; the owner's unix socket has no limit. */
import type { Limits } from '../traffic/gate.ts';

export const httpLimits: Limits = {
  // An installer asks every two seconds and tells its progress every second; a status page loads five files and asks every two
  // seconds. A class behind one address has 30 pages.
  each: { burst: 200, perSecond: 50 },
  // 100 boards that report at once, beside a router, where all are strangers.
  strangers: { burst: 1000, perSecond: 300 },
};
