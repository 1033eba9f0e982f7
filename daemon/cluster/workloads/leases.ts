/** When kubelets were last heard to renew their Leases: by our own count, since a Pi's clock may be years off. */
import { type Millis, millis } from '../../../config/values.ts';
import type { Rests } from '../../rests.ts';
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

export function createLeaseTable(rests: Pick<Rests, 'elapsed'>) {
  const heard = new Map<string, { readonly at: Millis; readonly renewals: number }>();
  return {
    put: ({ name }: Lease): void => {
      heard.set(name, { at: rests.elapsed(), renewals: (heard.get(name)?.renewals ?? -1) + 1 });
    },
    remove: ({ name }: Lease): void => void heard.delete(name),
    /** A Lease is called as its Node. */
    of: (node: string): LeaseFacts | undefined => {
      const last = heard.get(`${leaseNamespace}/${node}`);
      return last && { age: millis(rests.elapsed() - last.at), renewals: last.renewals };
    },
  };
}
