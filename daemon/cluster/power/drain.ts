/** Who has to go from a Node that is drained, who stays, and who is not sent away without the owner's word. As `kubectl drain`. Pure. */
import type { PodFacts, World } from '../workloads/facts.ts';

/** `force`: also pods that nobody makes anew. `deleteData`: also those with data on the Node's own disk. */
export type DrainRules = { readonly force: boolean; readonly deleteData: boolean };

export type Drain = {
  /** To be evicted, in the order of their names. */
  readonly going: readonly PodFacts[];
  /** On their way. */
  readonly leaving: readonly PodFacts[];
  /** `why`: in words, with what would let it go. */
  readonly blocked: readonly { readonly pod: PodFacts; readonly why: string }[];
};

export function drainOf(world: Pick<World, 'pods'>, node: string, rules: DrainRules): Drain {
  const here = [...world.pods.values()]
    .filter((pod) => pod.node === node && hasToGo(pod))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const staying = here.filter(({ terminating }) => !terminating);
  const judged = staying.map((pod) => ({ pod, why: whyNot(pod, rules) }));
  return {
    going: judged.flatMap(({ pod, why }) => (why === undefined ? [pod] : [])),
    leaving: here.filter(({ terminating }) => terminating),
    blocked: judged.flatMap(({ pod, why }) => (why === undefined ? [] : [{ pod, why }])),
  };
}

export const leftOf = ({ going, leaving, blocked }: Drain): number => going.length + leaving.length + blocked.length;

/** One of a DaemonSet would be there again at once; a mirror pod is its kubelet's; what has run to its end holds nothing up. */
const hasToGo = ({ owner, mirror, phase }: PodFacts): boolean =>
  owner?.kind !== 'DaemonSet' && !mirror && phase !== 'Succeeded' && phase !== 'Failed';

function whyNot({ owner, shape }: PodFacts, { force, deleteData }: DrainRules): string | undefined {
  if (owner === undefined && !force) return 'nobody makes it anew: --force deletes it for good';
  if (shape.localStorage && !deleteData) return 'it has data on this board: --delete-emptydir-data gives them up';
  return undefined;
}

/** `default/solo (nobody makes it anew: …)` of the first few, and how many more. */
export function blockedText(blocked: Drain['blocked']): string {
  const named = blocked.slice(0, 3).map(({ pod, why }) => `${pod.name} (${why})`);
  const more = blocked.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
