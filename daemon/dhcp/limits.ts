/** How much DHCP anybody may send. What real clients need stands beside each figure; it is to be far below it. */
import { type Mac, macFromBytes } from '../../config/values.ts';
import type { Limits } from '../traffic/gate.ts';

export const dhcpLimits: Limits = {
  // A boot is three rounds (ROM, second stage, system) of two messages, 12 with repetitions; nobody repeats more often than
  // once a second (facts 3.4: 4 to 5 s; udhcpc 1 s at the fastest).
  each: { burst: 40, perSecond: 10 },
  // New boards: one DISCOVER each, then they are known. 250 that are switched on at once are served at once, and 1,000 before
  // their first repetition but one. More is a forger: each of these costs a look over all boards, and maybe a commit.
  strangers: { burst: 256, perSecond: 100 },
};

/** chaddr (RFC 2131 2). */
const [from, to] = [28, 34];

/** Who a datagram says it is from, without decoding it; `undefined` for one that is too short to say. */
export function senderOf(datagram: Uint8Array): Mac | undefined {
  if (datagram.length < to) return undefined;
  const mac = macFromBytes(datagram.subarray(from, to));
  return mac.ok ? mac.value : undefined;
}
