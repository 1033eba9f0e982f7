/** Whether what is known of the cluster is young enough to decide on. One answer for all keepers. Pure. */
import { type Millis, seconds } from '../../../config/values.ts';

/** Older is no ground for a decision: with a few Nodes, their Leases alone are news every other second (facts 5.3). */
export const STALE = seconds(20);

/** `age` as `Workloads` has it. */
export const isFresh = (workloads: { readonly age: () => Millis | undefined } | undefined): boolean =>
  (workloads?.age() ?? Number.POSITIVE_INFINITY) <= STALE;
