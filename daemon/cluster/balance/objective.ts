/**
 * Whether a move was one: what balance wants less of has to fall, move by move, else pods would go round in circles (facts
 * 4.4). The plan says so of itself before; where a pod came elsewhere than the plan foretold, it is asked again. Pure.
 */
import type { PodFacts, World } from '../workloads/facts.ts';
import type { Move, Plan } from './plan.ts';

/** All its moves together make something better. */
export function isBetter({ objective: { before, after } }: Pick<Plan, 'objective'>): boolean {
  if (after.misplaced !== before.misplaced) return after.misplaced < before.misplaced;
  return after.uneven !== before.uneven ? after.uneven < before.uneven : after.load < before.load;
}

/**
 * How much of the move the world shows: its replacement has `arrived` on `to` while the pod is still on `from`, or all of it is
 * `done`. Compared is with the same world in which the pod had stayed, so what others did meanwhile does not count.
 */
export type Shown = 'arrived' | 'done';
const halves: Readonly<Record<Shown, number>> = { arrived: 1, done: 2 };

export function falls(
  { owner, goal, from, to }: Pick<Move, 'owner' | 'goal' | 'from' | 'to'>,
  world: World,
  shown: Shown,
): boolean {
  if (from === to) return false;
  // It could not stay there.
  if (goal === 'ineligible') return true;
  const [own, all] = [emptyGap(), emptyGap()];
  let requests: { readonly cpu: number; readonly memory: number } = { cpu: 0, memory: 0 };
  for (const pod of world.pods.values()) {
    if (!isOnNode(pod) || (pod.node !== from && pod.node !== to)) continue;
    add(all, pod, pod.node === from ? 1 : -1);
    if (pod.owner?.uid !== owner) continue;
    add(own, pod, pod.node === from ? 1 : -1);
    requests = pod.shape.requests;
  }
  // (f−a)² + (t+a)² < f² + t² where f − t > a. Each half of the move that is there took `a` off the gap.
  const gone = halves[shown];
  if (goal === 'spread') return own.count + gone > 1;
  const more = (gap: number, amount: number): boolean => amount > 0 && gap + gone * amount > amount;
  return (
    own.count + gone >= 1 && (more(all.count, 1) || more(all.cpu, requests.cpu) || more(all.memory, requests.memory))
  );
}

type Gap = { count: number; cpu: number; memory: number };
const emptyGap = (): Gap => ({ count: 0, cpu: 0, memory: 0 });

function add(gap: Gap, { shape: { requests } }: PodFacts, sign: 1 | -1): void {
  gap.count += sign;
  gap.cpu += sign * requests.cpu;
  gap.memory += sign * requests.memory;
}

/** It has a place, and takes something there. */
const isOnNode = ({ node, phase, terminating }: PodFacts): boolean =>
  node !== undefined && !terminating && phase !== 'Succeeded' && phase !== 'Failed';
