/** A world in which moves of a plan were made: a pod of another name is where the plan says that it will be. */
import type { Move } from '../../../daemon/cluster/balance/plan.ts';
import type { PodFacts, World } from '../../../daemon/cluster/workloads/facts.ts';

export function carriedOut(world: World, moves: readonly Move[]): World {
  const pods = new Map(world.pods);
  for (const { pod, to } of moves) {
    const gone = pods.get(pod.name);
    if (gone === undefined || gone.uid !== pod.uid) throw new Error(`${pod.name} is moved, and is not there`);
    pods.delete(pod.name);
    const name = `${pod.name}'`;
    pods.set(name, { ...gone, name, uid: `uid-${name}`, node: to } satisfies PodFacts);
  }
  return { ...world, pods };
}

/** Pods of an owner by Node, over these Nodes. */
export const countsOn = (world: World, owner: string, nodes: readonly string[]): readonly number[] =>
  nodes.map((name) => [...world.pods.values()].filter((pod) => pod.owner?.uid === owner && pod.node === name).length);
