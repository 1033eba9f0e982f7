/** Where the owner's laptop is while the boards have a switch of their own: the master is to be found and seen there, too. */
import { type Ipv4, inSubnet, type Subnet, seconds, subnetOf } from '../../../config/values.ts';
import type { Clock } from '../../ports.ts';
import { readInterfaces } from '../../system/interface.ts';
import type { NetworkInterface } from '../../system/interface-choice.ts';
import type { Site } from './site.ts';

/** One of the master's networks. */
export type Place = { readonly interface: string; readonly address: Ipv4; readonly subnet: Subnet };

/** Pure. `undefined` while the uplink has no address. */
export function uplinkPlace(
  uplink: string | undefined,
  site: Pick<Site, 'interface' | 'subnet'>,
  interfaces: readonly NetworkInterface[],
): Place | undefined {
  const found = interfaces.find(({ name }) => name === uplink && name !== site.interface);
  // What comes in is told apart by its subnet.
  const usable = found?.addresses.find(({ address }) => !inSubnet(site.subnet, address));
  if (found === undefined || usable === undefined) return undefined;
  return { interface: found.name, address: usable.address, subnet: subnetOf(usable.address, usable.prefix) };
}

const samePlace = (a: Place | undefined, b: Place | undefined): boolean =>
  a?.interface === b?.interface && a?.address === b?.address && a?.subnet.prefix === b?.subnet.prefix;

/** Between two looks at the interfaces. */
const turn = seconds(5);

export type UplinkDeps = {
  readonly site: Pick<Site, 'interface' | 'subnet'>;
  readonly siteNow: () => Pick<Site, 'uplink'> | undefined;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly look?: () => Promise<readonly NetworkInterface[]>;
};

/**
 * Runs `serve` on the uplink, ends it when the uplink is no more or has another address, and begins again. A look that fails
 * changes nothing: there is another one soon. Settles once `signal` is aborted and `serve` has ended; rejects if `serve` does.
 */
export async function followUplink(
  deps: UplinkDeps,
  serve: (place: Place, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { site, siteNow, clock, signal, look = readInterfaces } = deps;
  let failure: { readonly cause: unknown } | undefined;

  /** Its `life` is over with it, and is what the looks rest on meanwhile: nothing is left over from each turn. */
  function begin(place: Place | undefined) {
    const ending = new AbortController();
    const life = AbortSignal.any([signal, ending.signal]);
    const fail = (cause: unknown): void => {
      failure ??= { cause };
      ending.abort();
    };
    const served = place === undefined ? Promise.resolve() : serve(place, life).catch(fail);
    const end = (): Promise<void> => {
      ending.abort();
      return served;
    };
    return { place, life, end };
  }

  let serving = begin(undefined);
  while (!signal.aborted && failure === undefined) {
    const { place } = serving;
    const next = await look().then(
      (interfaces) => uplinkPlace(siteNow()?.uplink, site, interfaces),
      () => place,
    );
    if (!samePlace(next, place)) {
      await serving.end();
      if (failure === undefined && !signal.aborted) serving = begin(next);
    }
    await clock.sleep(turn, serving.life).catch(() => undefined);
  }
  await serving.end();
  if (failure !== undefined) throw failure.cause;
}
