/** Worlds for tests of the keepers: Nodes, owners and their pods in a line each. */
import { instant } from '../../config/values.ts';
import type { NodeFacts } from '../../daemon/cluster/nodes.ts';
import type {
  BudgetFacts,
  ClaimFacts,
  OwnerFacts,
  PodFacts,
  PodShape,
  World,
} from '../../daemon/cluster/workloads/facts.ts';
import { nodeFacts } from './nodes.ts';

/** Asks for nothing and may be anywhere. */
export const podShape = (changes: Partial<PodShape> = {}): PodShape => ({
  requests: { cpu: 0, memory: 0 },
  ...{ hostPorts: [], nodeSelector: {}, nodeAffinity: [], podAffinity: [], podAntiAffinity: [], spread: [] },
  ...{ tolerations: [], claims: [], localStorage: false, systemCritical: false, priority: 0, hostNetwork: false },
  images: ['httpd'],
  ...changes,
});

const anyShape = podShape();

/** Running and Ready, of nobody, but for the changes. */
export const podFacts = (changes: Partial<PodFacts> & Pick<PodFacts, 'name'>): PodFacts => ({
  ...{ uid: `uid-${changes.name}`, node: undefined, owner: undefined, phase: 'Running', ready: true },
  ...{ readySince: instant(1_700_000_000_000), terminating: false, created: instant(1_700_000_000_000), labels: {} },
  ...{ shape: anyShape, wish: undefined, deletionCost: 0, mirror: false },
  ...changes,
});

/** The ReplicaSet of a Deployment `name` (`default/web`), as it stands when nothing is going on. */
export const ownerFacts = (changes: Partial<OwnerFacts> & Pick<OwnerFacts, 'name'>): OwnerFacts => ({
  ...{ kind: 'ReplicaSet', uid: `uid-${changes.name}`, title: `Deployment ${changes.name}` },
  deployment: { uid: `uid-deployment-${changes.name}`, name: changes.name },
  ...{ replicas: 1, minReadySeconds: 0, rolling: false, scaledBy: undefined, wish: undefined },
  ...changes,
});

/** One owner with its pods: `on` has how many are on each Node. */
export type Application = {
  /** `web` or `default/web`. */
  readonly name: string;
  readonly on: Readonly<Record<string, number>>;
  readonly shape?: Partial<PodShape>;
  readonly owner?: Partial<OwnerFacts>;
  /** Of each of its pods. */
  readonly pod?: Partial<PodFacts>;
};

export type WorldWords = {
  /** Names, or facts with a name. */
  readonly nodes: readonly (string | (Partial<NodeFacts> & Pick<NodeFacts, 'name'>))[];
  readonly applications?: readonly Application[];
  /** Besides those of the applications. */
  readonly pods?: readonly PodFacts[];
  readonly budgets?: readonly BudgetFacts[];
  readonly claims?: readonly ClaimFacts[];
};

export function aWorld({ nodes, applications = [], pods = [], budgets = [], claims = [] }: WorldWords): World {
  const made = applications.map(applicationOf);
  return {
    nodes: nodes.map((node) => nodeFacts(typeof node === 'string' ? { name: node } : node)),
    pods: new Map([...made.flatMap((one) => one.pods), ...pods].map((pod) => [pod.name, pod])),
    owners: new Map(made.map(({ owner }) => [owner.uid, owner])),
    budgets,
    claims: new Map(claims.map((claim) => [claim.name, claim])),
  };
}

/** Pods are labelled `app: NAME`, numbered through all Nodes. */
function applicationOf(application: Application): { readonly owner: OwnerFacts; readonly pods: readonly PodFacts[] } {
  const name = application.name.includes('/') ? application.name : `default/${application.name}`;
  const nodes = Object.entries(application.on).flatMap(([node, count]) => Array.from({ length: count }, () => node));
  const owner = ownerFacts({ name, replicas: nodes.length, ...application.owner });
  const shape = application.shape === undefined ? anyShape : podShape(application.shape);
  return {
    owner,
    pods: nodes.map((node, index) =>
      podFacts({
        ...{ name: `${name}-${index}`, node, shape, labels: { app: name.slice(name.indexOf('/') + 1) } },
        owner: { kind: owner.kind, uid: owner.uid, name: owner.name },
        ...application.pod,
      }),
    ),
  };
}
