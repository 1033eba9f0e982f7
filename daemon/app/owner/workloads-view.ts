/** What runs where, and what it can be reached by: for the status page. Pure. */
import type { NodeFacts } from '../../cluster/nodes.ts';
import type { World } from '../../cluster/workloads/facts.ts';
import { linksTo, type ServiceFacts } from '../../cluster/workloads/services.ts';
import type { ServiceView, SpreadView, WorkloadsView } from '../../http/wire.ts';

/** What the cluster itself consists of. */
const ownNamespaces = ['kube-system/', 'kube-public/', 'kube-node-lease/'];
const isOwn = (name: string): boolean => ownNamespaces.some((prefix) => name.startsWith(prefix));
/** A page with more would help nobody. */
const shownMax = 200;

export type WorkloadFacts = {
  /** Undefined: not heard yet, or Kubernetes is too old for it. */
  readonly world: Pick<World, 'pods' | 'owners'> | undefined;
  readonly services: readonly ServiceFacts[];
  readonly nodes: readonly NodeFacts[];
};

export function workloadsView({ world, services, nodes }: WorkloadFacts): WorkloadsView {
  return {
    known: world !== undefined,
    spread: world === undefined ? [] : spreadOf(world),
    services: services
      .filter(({ name }) => !isOwn(name) && name !== 'default/kubernetes')
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .slice(0, shownMax)
      .map((service) => serviceView(service, nodes)),
  };
}

function spreadOf({ pods, owners }: Pick<World, 'pods' | 'owners'>): readonly SpreadView[] {
  const counted = new Map<string, Map<string, number>>();
  for (const { owner, node, ready, terminating } of pods.values()) {
    if (owner === undefined || node === undefined || !ready || terminating) continue;
    const nodes = counted.get(owner.uid) ?? new Map<string, number>();
    counted.set(owner.uid, nodes.set(node, (nodes.get(node) ?? 0) + 1));
  }
  return [...owners.values()]
    .filter(({ name, replicas, uid }) => !isOwn(name) && (replicas > 0 || counted.has(uid)))
    .toSorted((a, b) => a.title.localeCompare(b.title))
    .slice(0, shownMax)
    .map(({ uid, title, replicas }) => {
      const nodes = [...(counted.get(uid) ?? [])].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
      const ready = nodes.reduce((sum, [, count]) => sum + count, 0);
      return { title, wanted: replicas, ready, nodes: Object.fromEntries(nodes) };
    });
}

/** The control plane's own Node last: it is not for this. */
function serviceView(service: ServiceFacts, nodes: readonly NodeFacts[]): ServiceView {
  const best = nodes.toSorted(
    (a, b) => Number(a.controlPlane) - Number(b.controlPlane) || a.name.localeCompare(b.name),
  );
  return {
    name: service.name,
    type: service.type,
    ports: service.ports.map((port) => ({
      ...{ name: port.name, protocol: port.protocol, port: port.port },
      links: linksTo(service, port, best),
    })),
  };
}
