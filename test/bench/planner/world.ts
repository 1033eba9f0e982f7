/**
 * 1,000 Nodes, 50,000 pods, 5,000 owners: half of these anywhere, half crowded on few Nodes as after a breakdown, a tenth with one
 * replica on the first half of the Nodes. The same every time.
 */
import type { NodeFacts } from '../../../daemon/cluster/nodes.ts';
import type { OwnerFacts, PodFacts, World } from '../../../daemon/cluster/workloads/facts.ts';
import { nodeFacts } from '../../support/nodes.ts';
import { ownerFacts, podFacts, podShape } from '../../support/world.ts';

export const size = { nodes: 1000, owners: 5000, pods: 50_000 } as const;

export function largeWorld(): World {
  const chance = createChance(1);
  const nodes: readonly NodeFacts[] = Array.from({ length: size.nodes }, (_, index) =>
    nodeFacts({ name: `worker-kube${index + 1}`, allocatable: { cpu: 8000, memory: 16 * 2 ** 30, pods: 110 } }),
  );
  const owners = new Map<string, OwnerFacts>();
  const pods = new Map<string, PodFacts>();
  const single = size.owners / 10;
  const replicas = (size.pods - single) / (size.owners - single);
  let due = 0;
  for (let index = 0; index < size.owners; index++) {
    const isSingle = index % 10 === 9;
    due += isSingle ? 1 : replicas;
    const count = Math.round(due) - pods.size;
    const name = `space${index % 50}/app${index}`;
    const owner = ownerFacts({ name, replicas: count });
    owners.set(owner.uid, owner);
    const [cpu = 0, memory = 0] = requests[index % requests.length] ?? [];
    const shape = podShape({ requests: { cpu, memory }, images: [`image${index}`] });
    const labels = { app: `app${index}`, 'pod-template-hash': `hash${index}` };
    const ref = { kind: owner.kind, uid: owner.uid, name };
    const crowd = Array.from({ length: 5 }, () => chance(size.nodes));
    for (let pod = 0; pod < count; pod++) {
      const place = isSingle ? chance(size.nodes / 2) : index % 2 === 0 ? (crowd[chance(5)] ?? 0) : chance(size.nodes);
      const podName = `${name}-${pod}`;
      pods.set(podName, podFacts({ name: podName, node: `worker-kube${place + 1}`, owner: ref, shape, labels }));
    }
  }
  return { nodes, owners, pods, budgets: [], claims: new Map() };
}

const requests = [[], [50, 64 * 2 ** 20], [100, 128 * 2 ** 20], [250, 256 * 2 ** 20]] as const;

/** Numbers below a bound; a linear congruential generator, for the same world in each run. */
export function createChance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
