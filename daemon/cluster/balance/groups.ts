/** The pods of one owner, and what can be said of them without looking at anything else. */
import type { ClaimFacts, OwnerFacts, PodFacts } from '../workloads/facts.ts';
import { isAlive, protection } from './protect.ts';
import type { Profile } from './reach.ts';

/** A pod and where it is; slot -1: nowhere yet. */
export type Seat = { readonly pod: PodFacts; readonly group: Group; readonly slot: number; readonly profile: Profile };

export type Group = {
  readonly uid: string;
  owner: OwnerFacts | undefined;
  /** In no order. */
  readonly seats: Seat[];
  verdict: Verdict;
};

/**
 * `strays`: where they may not be. `misplaced`: of these, the ones that may be moved. `squares`: of its counts, where they may be.
 * `covers`: at most one of the Nodes that it may be on has none.
 */
export type Verdict = {
  readonly strays: number;
  readonly misplaced: number;
  readonly uneven: boolean;
  readonly squares: number;
  readonly covers: boolean;
};

/** Of the group that a pod is of; one without an owner is a group of its own. */
export const uidOf = ({ owner, uid }: PodFacts): string => owner?.uid ?? `pod ${uid}`;

export const nothingToDo: Verdict = { strays: 0, misplaced: 0, uneven: false, squares: 0, covers: false };

/** Of what has replicas that can be anywhere; history, with none wanted, is left alone. */
export const isBalanced = (owner: OwnerFacts | undefined): owner is OwnerFacts =>
  owner !== undefined && owner.replicas > 0 && balancedKinds.includes(owner.kind);
const balancedKinds: readonly OwnerFacts['kind'][] = ['ReplicaSet', 'StatefulSet', 'ReplicationController'];

/** `counts`: zero everywhere, as it is left. */
export function judge(group: Group, claims: ReadonlyMap<string, ClaimFacts>, counts: number[]): Verdict {
  const { owner } = group;
  if (!isBalanced(owner)) return nothingToDo;
  let [strays, misplaced, mixed] = [0, 0, false];
  let open: readonly number[] | undefined;
  const touched: number[] = [];
  for (const { pod, slot, profile } of group.seats) {
    if (slot < 0 || !isAlive(pod)) continue;
    const standing = profile.reach.standing[slot];
    if (open === undefined) open = profile.reach.open;
    else if (open !== profile.reach.open) mixed = true;
    if (standing === 'open') {
      const count = counts[slot] ?? 0;
      if (count === 0) touched.push(slot);
      counts[slot] = count + 1;
    } else if (standing === 'not-meant') {
      strays += 1;
      if (protection(pod, owner, claims) === undefined) misplaced += 1;
    }
  }
  const covers = touched.length >= (open?.length ?? 0) - 1;
  let [least, most, squares] = [touched.length < (open?.length ?? 0) ? 0 : Number.POSITIVE_INFINITY, 0, 0];
  for (const slot of touched) {
    const count = counts[slot] ?? 0;
    counts[slot] = 0;
    least = Math.min(least, count);
    most = Math.max(most, count);
    squares += count * count;
  }
  return { strays, misplaced, uneven: mixed || most - least > 1, squares, covers: covers || mixed };
}
