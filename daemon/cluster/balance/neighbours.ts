/** Pods found by what they say of themselves: by labels, by host ports, by whom they will not have beside them. */
import type { AffinityTerm, LabelSelector } from '../workloads/facts.ts';
import { matchesSelector } from '../workloads/matching.ts';
import type { Seat } from './groups.ts';

export type Neighbours = {
  readonly add: (seat: Seat) => void;
  readonly drop: (seat: Seat) => void;
  /** Pods of these namespaces that the selector means. */
  readonly matching: (namespaces: AffinityTerm['namespaces'], selector: LabelSelector | undefined) => readonly Seat[];
  /** Required anti-affinity of others that means this pod, with those who have it. */
  readonly against: (seat: Seat) => readonly { readonly term: AffinityTerm; readonly holders: Iterable<Seat> }[];
  /** With host ports. */
  readonly ported: ReadonlySet<Seat>;
};

export const namespaceOf = (name: string): string => name.slice(0, name.indexOf('/'));

const everywhere = '*';
const nobody: ReturnType<Neighbours['against']> = [];

/** `everyone`: all that were added, for the first time that somebody asks. */
export function createNeighbours(everyone: () => Iterable<Seat>): Neighbours {
  const ported = new Set<Seat>();
  /** Under `NAMESPACE KEY=VALUE` and under `NAMESPACE`, and the same for all namespaces together. */
  const byLabel = new Map<string, Set<Seat>>();
  const holders = new Map<AffinityTerm, Set<Seat>>();
  const termsByLabel = new Map<string, Set<AffinityTerm>>();
  // Most clusters never ask; then nothing is indexed.
  let isIndexed = false;

  function* keysOf({ pod }: Seat): Generator<string> {
    for (const namespace of [namespaceOf(pod.name), everywhere]) {
      yield namespace;
      for (const key in pod.labels) yield `${namespace} ${key}=${pod.labels[key]}`;
    }
  }

  const index = (seat: Seat): void => {
    for (const key of keysOf(seat)) addTo(byLabel, key, seat);
  };

  return {
    ported,
    add: (seat) => {
      if (isIndexed) index(seat);
      if (seat.pod.shape.hostPorts.length > 0) ported.add(seat);
      for (const term of seat.pod.shape.podAntiAffinity) {
        addTo(holders, term, seat);
        for (const key of keysOfTerm(term)) addTo(termsByLabel, key, term);
      }
    },
    drop: (seat) => {
      ported.delete(seat);
      if (isIndexed) for (const key of keysOf(seat)) dropFrom(byLabel, key, seat);
      for (const term of seat.pod.shape.podAntiAffinity) {
        dropFrom(holders, term, seat);
        if (!holders.has(term)) for (const key of keysOfTerm(term)) dropFrom(termsByLabel, key, term);
      }
    },
    matching: (namespaces, selector) => {
      if (selector === undefined) return [];
      if (!isIndexed) for (const seat of everyone()) index(seat);
      isIndexed = true;
      const found: Seat[] = [];
      for (const key of keysOfTerm({ namespaces, selector }))
        for (const seat of byLabel.get(key) ?? []) if (matchesSelector(selector, seat.pod.labels)) found.push(seat);
      return found;
    },
    against: (seat) => {
      if (holders.size === 0) return nobody;
      const found = new Set<AffinityTerm>();
      for (const key of keysOf(seat))
        for (const term of termsByLabel.get(key) ?? [])
          if (matchesSelector(term.selector, seat.pod.labels)) found.add(term);
      return [...found].map((term) => ({ term, holders: holders.get(term) ?? [] }));
    },
  };
}

/** One label is enough to find the few that may be meant. */
function keysOfTerm({ namespaces, selector }: Pick<AffinityTerm, 'namespaces' | 'selector'>): readonly string[] {
  const [label] = Object.entries(selector?.matchLabels ?? {});
  const suffix = label === undefined ? '' : ` ${label[0]}=${label[1]}`;
  return (namespaces === 'all' ? [everywhere] : namespaces).map((namespace) => `${namespace}${suffix}`);
}

function addTo<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function dropFrom<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key);
  if (set?.delete(value) === true && set.size === 0) map.delete(key);
}
