/** What comes in from the network: the counts of all services, the kernel's share of them, and the time of their limits. */
import type { Ipv4 } from '../../../config/values.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { Clock } from '../../ports.ts';
import { createRests, type Rests } from '../../rests.ts';
import { readOverruns } from '../../system/overruns.ts';
import { createTally, type Tally, type Traffic } from '../../traffic/counts.ts';
import { tickLength } from '../../traffic/ticks.ts';

export type TrafficDesk = {
  readonly count: Tally['count'];
  readonly ticks: Rests['count'];
  readonly now: () => Promise<Traffic>;
  readonly follow: Rests['follow'];
};

export function createTrafficDesk(clock: Pick<Clock, 'sleep'>): TrafficDesk {
  const tally = createTally();
  const ticks = createRests(clock, tickLength);
  const now = async (): Promise<Traffic> => {
    const overruns = await readOverruns();
    const { dhcp, tftp, mdns, http } = tally.now();
    return {
      dhcp: { ...dhcp, overrun: overruns.get(67) ?? 0 },
      tftp: { ...tftp, overrun: overruns.get(69) ?? 0 },
      mdns: { ...mdns, overrun: overruns.get(5353) ?? 0 },
      http,
    };
  };
  return { count: tally.count, ticks: ticks.count, now, follow: ticks.follow };
}

/** Senders by their address: beside a router the boards have its addresses, and are strangers here. */
export const knownAddresses = (own: Ipv4, fleet: Pick<Fleet, 'byAddress'>, { ticks }: Pick<TrafficDesk, 'ticks'>) => ({
  isKnown: (address: Ipv4): boolean => address === own || fleet.byAddress(address) !== undefined,
  now: ticks,
});
