/** Which Nodes other pods let a pod be on: host ports, required affinity and anti-affinity, DoNotSchedule topology spread. Pure. */
import type { AffinityTerm, SpreadConstraint } from '../workloads/facts.ts';
import { matchesLabels, matchesSelector, matchesTerms } from '../workloads/matching.ts';
import type { Seat } from './groups.ts';
import type { Ledger } from './ledger.ts';
import { type Neighbours, namespaceOf } from './neighbours.ts';
import { isAlive } from './protect.ts';

export type CompanyQuestion = {
  readonly ledger: Ledger;
  readonly neighbours: Neighbours;
  /** Where pods are that the plan has moved. */
  readonly moved: ReadonlyMap<Seat, number>;
  readonly seat: Seat;
  /** It stays until the other is there. */
  readonly surge: boolean;
};

type Allows = (slot: number) => boolean;

const slotOf = (moved: CompanyQuestion['moved'], seat: Seat): number => moved.get(seat) ?? seat.slot;

/** Undefined: others do not matter. */
export function companyOf(question: CompanyQuestion): Allows | undefined {
  const { seat, neighbours } = question;
  const { hostPorts, podAffinity, podAntiAffinity, spread } = seat.pod.shape;
  const against = neighbours.against(seat);
  const isAlone = hostPorts.length + podAffinity.length + podAntiAffinity.length + spread.length + against.length === 0;
  if (isAlone) return undefined;
  const rules: Allows[] = [
    ...(hostPorts.length === 0 ? [] : [freePorts(question)]),
    ...podAntiAffinity.map((term) => notBeside(question, term, neighbours.matching(term.namespaces, term.selector))),
    ...against.map(({ term, holders }) => notBeside(question, term, holders)),
    ...podAffinity.map((term) => beside(question, term)),
    ...spread.filter(({ hard }) => hard).map((constraint) => withinSkew(question, constraint)),
  ];
  return rules.length === 0 ? undefined : (slot) => rules.every((allows) => allows(slot));
}

function freePorts({ neighbours, moved, seat, surge }: CompanyQuestion): Allows {
  const wanted = seat.pod.shape.hostPorts;
  const taken = new Set<number>();
  for (const other of neighbours.ported) {
    if (!surge && other === seat) continue;
    if (other.pod.shape.hostPorts.some((port) => wanted.some((one) => clash(one, port))))
      taken.add(slotOf(moved, other));
  }
  return (slot) => !taken.has(slot);
}

/** `IP:PORT/PROTOCOL`; 0.0.0.0 takes the port of every address. */
function clash(a: string, b: string): boolean {
  if (a === b) return true;
  const [left, right] = [a.lastIndexOf(':'), b.lastIndexOf(':')];
  const isAny = a.startsWith('0.0.0.0:') || b.startsWith('0.0.0.0:');
  return isAny && a.slice(left) === b.slice(right);
}

const labelOf = ({ ledger }: CompanyQuestion, slot: number, key: string): string | undefined =>
  ledger.nodes[slot]?.labels[key];

/** How many of these there are by value of the label; the pod itself does not count where it goes. */
function domainsOf(question: CompanyQuestion, key: string, seats: Iterable<Seat>): Map<string, number> {
  const domains = new Map<string, number>();
  for (const other of seats) {
    if (!question.surge && other === question.seat) continue;
    const value = labelOf(question, slotOf(question.moved, other), key);
    if (value !== undefined) domains.set(value, (domains.get(value) ?? 0) + 1);
  }
  return domains;
}

function notBeside(question: CompanyQuestion, { topologyKey }: AffinityTerm, seats: Iterable<Seat>): Allows {
  const domains = domainsOf(question, topologyKey, seats);
  return (slot) => {
    const value = labelOf(question, slot, topologyKey);
    return value === undefined || !domains.has(value);
  };
}

function beside(question: CompanyQuestion, { topologyKey, namespaces, selector }: AffinityTerm): Allows {
  const { pod } = question.seat;
  const domains = domainsOf(question, topologyKey, question.neighbours.matching(namespaces, selector));
  const isNamed = namespaces === 'all' || namespaces.includes(namespaceOf(pod.name));
  // The first of those that want to be together may be anywhere.
  const isFirst = domains.size === 0 && isNamed && matchesSelector(selector, pod.labels);
  return (slot) => {
    const value = labelOf(question, slot, topologyKey);
    return value !== undefined && (isFirst || domains.has(value));
  };
}

function withinSkew(question: CompanyQuestion, { topologyKey, maxSkew, selector }: SpreadConstraint): Allows {
  const { ledger, seat, neighbours } = question;
  const { pod } = seat;
  const matching = neighbours.matching([namespaceOf(pod.name)], selector).filter((other) => isAlive(other.pod));
  const counts = domainsOf(question, topologyKey, matching);
  const itself = matchesSelector(selector, pod.labels) ? 1 : 0;
  let least = Number.POSITIVE_INFINITY;
  for (const node of ledger.nodes) {
    // By default node affinity decides which Nodes count, taints do not (nodeAffinityPolicy, nodeTaintsPolicy).
    if (node === undefined || !matchesLabels(pod.shape.nodeSelector, node.labels)) continue;
    const value = node.labels[topologyKey];
    if (value !== undefined && matchesTerms(pod.shape.nodeAffinity, node))
      least = Math.min(least, counts.get(value) ?? 0);
  }
  return (slot) => {
    const value = labelOf(question, slot, topologyKey);
    return value !== undefined && (counts.get(value) ?? 0) + itself - least <= maxSkew;
  };
}
