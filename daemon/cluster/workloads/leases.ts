/** When kubelets were last heard to renew their Leases: by our own count, since a Pi's clock may be years off. */
import { type Millis, millis, seconds } from '../../../config/values.ts';
import type { Clock } from '../../ports.ts';
import { field, nameOf, text } from '../watch-event.ts';

type Lease = { readonly name: string; readonly renewTime: string };

export type LeaseFacts = {
  /** Since the last renewal was heard, or since the Lease was first seen. Never more than what went by. */
  readonly age: Millis;
  /** How often it was heard to be renewed; of 0 the age proves nothing. */
  readonly renewals: number;
};

export function readLease(object: unknown): Lease | undefined {
  const [name, renewTime] = [nameOf(object), text(field(field(object, 'spec'), 'renewTime'))];
  return name === undefined || renewTime === undefined ? undefined : { name, renewTime };
}

export const leaseNamespace = 'kube-node-lease';
const TICK = seconds(1);

export function createLeaseTable(clock: Pick<Clock, 'sleep'>) {
  const heard = new Map<string, { readonly tick: number; readonly renewals: number }>();
  let ticks = 0;
  return {
    put: ({ name }: Lease): void => {
      heard.set(name, { tick: ticks, renewals: (heard.get(name)?.renewals ?? -1) + 1 });
    },
    remove: ({ name }: Lease): void => void heard.delete(name),
    /** A Lease is called as its Node. */
    of: (node: string): LeaseFacts | undefined => {
      const last = heard.get(`${leaseNamespace}/${node}`);
      return last && { age: millis((ticks - last.tick) * TICK), renewals: last.renewals };
    },
    /** Counts until the signal is aborted, then settles. */
    follow: async (signal: AbortSignal): Promise<void> => {
      while (!signal.aborted) {
        await clock.sleep(TICK, signal).then(
          () => {
            ticks += 1;
          },
          () => undefined,
        );
      }
    },
  };
}
