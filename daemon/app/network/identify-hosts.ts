/** Which machines the names on the LAN belong to: by hardware address. */
import { type Ipv4, type Mac, seconds } from '../../../config/values.ts';
import type { SeenHost } from '../../mdns/sightings.ts';
import type { Clock, Log } from '../../ports.ts';

export type IdentifyDeps = {
  /** All that are there now; bounded by whoever heard of them. */
  readonly hosts: () => readonly SeenHost[];
  readonly tell: (hosts: readonly { readonly host: SeenHost; readonly mac: Mac }[]) => void;
  readonly occupant: (address: Ipv4, signal: AbortSignal) => Promise<Mac | undefined>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly signal: AbortSignal;
};

const turn = seconds(5);
/** Names cost nothing to make up, and each question is an ARP broadcast: so many a turn, and so often for one host. */
const asksPerTurn = 16;
const asksMax = 3;
/** And then again: a machine may have been asleep, or started, with its name told by somebody else. In turns: five minutes. */
const recess = 60;

/**
 * Looks again and again, so that nobody is left over. Most hosts do not tell their hardware address: their packets go to
 * the group, and the kernel knows only those that it has spoken with. Settles when `signal` is aborted; never rejects.
 */
export async function identifyHosts(deps: IdentifyDeps): Promise<void> {
  const { hosts, tell, occupant, clock, log, signal } = deps;
  let known: ReadonlyMap<string, Asked> = new Map();
  let turns = 0;
  const knownOf = (host: SeenHost): Asked => known.get(keyOf(host)) ?? { mac: undefined, asked: 0, turn: 0 };

  async function ask(host: SeenHost): Promise<readonly [string, Asked]> {
    const mac = await occupant(host.address, signal).catch((cause: unknown) => {
      if (!signal.aborted) log.debug('a host could not be asked for its hardware address', { ...host, cause });
      return undefined;
    });
    return [keyOf(host), { mac, asked: knownOf(host).asked + 1, turn: turns }];
  }

  while (!signal.aborted) {
    const present = hosts();
    const unknown = present.filter((host) => {
      const { mac, asked, turn: last } = knownOf(host);
      return host.mac === undefined && mac === undefined && (asked < asksMax || turns - last >= recess);
    });
    // Those who were asked least come first.
    const lot = unknown.toSorted((a, b) => knownOf(a).asked - knownOf(b).asked).slice(0, asksPerTurn);
    const answers = await Promise.all(lot.map(ask));
    const there = new Set(present.map(keyOf));
    known = new Map([...[...known].filter(([key]) => there.has(key)), ...answers]);
    tell(
      present.flatMap((host) => {
        const mac = host.mac ?? knownOf(host).mac;
        return mac === undefined ? [] : [{ host, mac }];
      }),
    );
    await clock.sleep(turn, signal).catch(() => undefined);
    turns += 1;
  }
}

/** `turn`: of the last question. */
type Asked = { readonly mac: Mac | undefined; readonly asked: number; readonly turn: number };

const keyOf = ({ name, address }: SeenHost): string => `${name} ${address}`;
