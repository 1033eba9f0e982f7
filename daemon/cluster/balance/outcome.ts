/** What a plan comes to, for whoever reads it: the pods of each owner by Node, before and after. Pure. */
import type { World } from '../workloads/facts.ts';
import { uidOf } from './groups.ts';
import type { Move, Spread } from './plan.ts';
import { isAlive } from './protect.ts';

/** Of the owners that something is moved of, in the order of their uids; Nodes in the order of their names. */
export function spreadsOf(world: World, moves: readonly Move[]): readonly Spread[] {
  const drafts = new Map<string, { title: string; before: Map<string, number>; after: Map<string, number> }>();
  for (const { owner, title } of moves) drafts.set(owner, { title, before: new Map(), after: new Map() });
  for (const pod of world.pods.values()) {
    const draft = drafts.get(uidOf(pod));
    if (draft === undefined || pod.node === undefined || !isAlive(pod)) continue;
    add(draft.before, pod.node, 1);
    add(draft.after, pod.node, 1);
  }
  for (const { owner, from, to } of moves) {
    const after = drafts.get(owner)?.after;
    if (after === undefined) continue;
    add(after, from, -1);
    add(after, to, 1);
  }
  return [...drafts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([owner, { title, before, after }]) => ({ owner, title, before: named(before), after: named(after) }));
}

function add(counts: Map<string, number>, node: string, by: 1 | -1): void {
  counts.set(node, (counts.get(node) ?? 0) + by);
}

const named = (counts: ReadonlyMap<string, number>): Spread['before'] =>
  Object.fromEntries([...counts].filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
