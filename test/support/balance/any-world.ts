/** Small worlds of every kind, for properties: Nodes with taints and cordons, owners of all kinds, budgets, volumes, neighbours. */
import fc from 'fast-check';
import type { NodeFacts } from '../../../daemon/cluster/nodes.ts';
import type { BudgetFacts, OwnerFacts, PodFacts, PodShape, World } from '../../../daemon/cluster/workloads/facts.ts';
import { nodeFacts } from '../nodes.ts';
import { ownerFacts, podFacts, podShape } from '../world.ts';

const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
const masterTaint = { key: 'node-role.kubernetes.io/control-plane', value: '', effect: 'NoSchedule' };
const fence = { key: 'bramble.dev/unreachable', value: '', effect: 'NoExecute' };
const soft = { key: 'example.org/slow', value: '', effect: 'PreferNoSchedule' };

/** Mostly the first: nothing special. */
const rarely = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(usual, ...others) });

const anyNode = (name: string): fc.Arbitrary<NodeFacts> =>
  fc
    .record({
      ready: rarely(true, false),
      unschedulable: rarely(false, true),
      taints: rarely<NodeFacts['taints']>([], [masterTaint], [fence], [soft]),
      zone: rarely<string | undefined>(undefined, 'a', 'b'),
      pods: rarely(110, 6, 3),
      cpu: rarely(4000, 1000),
    })
    .map(({ zone, pods, cpu, ...changes }) =>
      nodeFacts({
        ...{ name, ...changes, allocatable: { cpu, memory: 4 * 2 ** 30, pods } },
        labels: {
          'kubernetes.io/hostname': name,
          ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
        },
      }),
    );

const anyShape = (app: string): fc.Arbitrary<PodShape> => {
  const own = { matchLabels: { app }, matchExpressions: [] };
  const here = { topologyKey: 'kubernetes.io/hostname', namespaces: ['default'], selector: own };
  return fc
    .record({
      cpu: rarely(0, 100, 600),
      memory: rarely(0, 2 ** 28),
      hostPorts: rarely<readonly string[]>([], ['0.0.0.0:80/TCP']),
      podAntiAffinity: rarely<PodShape['podAntiAffinity']>([], [here]),
      podAffinity: rarely<PodShape['podAffinity']>([], [here]),
      spread: rarely<PodShape['spread']>([], [{ ...here, maxSkew: 1, hard: true }]),
      nodeSelector: rarely<PodShape['nodeSelector']>({}, { 'kubernetes.io/hostname': 'n2' }),
      tolerations: rarely<PodShape['tolerations']>(
        [],
        [{ key: undefined, operator: 'Exists', value: '', effect: undefined }],
      ),
      localStorage: rarely(false, true),
      systemCritical: rarely(false, true),
    })
    .map(({ cpu, memory, ...changes }) => podShape({ ...changes, requests: { cpu, memory } }));
};

const anyApplication = (app: string) =>
  fc
    .record({
      kind: rarely<OwnerFacts['kind']>('ReplicaSet', 'StatefulSet', 'DaemonSet', 'ReplicationController'),
      rolling: rarely(false, true),
      scaledBy: rarely<OwnerFacts['scaledBy']>(undefined, 'autoscaler', 'gitops'),
      wish: rarely<OwnerFacts['wish']>(undefined, 'stay', 'may-move'),
      shape: anyShape(app),
      pods: fc.array(
        fc.record({
          node: rarely<string | undefined>('n1', 'n2', 'n3', 'n4', 'n5', undefined),
          phase: rarely<PodFacts['phase']>('Running', 'Pending', 'Succeeded'),
          ready: rarely(true, false),
          terminating: rarely(false, true),
          wish: rarely<PodFacts['wish']>(undefined, 'stay', 'may-move'),
        }),
        { maxLength: 6 },
      ),
    })
    .map(({ pods, shape, kind, ...changes }) => {
      const name = `default/${app}`;
      const deployment = kind === 'ReplicaSet' ? { uid: `d-${app}`, name } : undefined;
      const owner = ownerFacts({ name, kind, deployment, replicas: pods.length, ...changes });
      const ref = { kind, uid: owner.uid, name };
      return {
        owner,
        pods: pods.map((pod, index) =>
          podFacts({ name: `${name}-${index}`, owner: ref, shape, labels: { app }, ...pod }),
        ),
      };
    });

const anyBudget = (app: string): fc.Arbitrary<BudgetFacts> =>
  fc.nat(2).map((allowed) => ({
    ...{ name: `default/${app}`, allowed },
    selector: { matchLabels: { app }, matchExpressions: [] },
  }));

const apps = ['a', 'b', 'c', 'd', 'e', 'f'];

export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    nodes: fc.integer({ min: 1, max: names.length }).chain((count) => fc.tuple(...names.slice(0, count).map(anyNode))),
    applications: fc.tuple(...apps.map(anyApplication)),
    budgets: fc.subarray(apps).chain((some) => fc.tuple(...some.slice(0, 2).map(anyBudget))),
  })
  .map(({ nodes, applications, budgets }) => ({
    ...{ nodes, budgets, claims: new Map() },
    pods: new Map(applications.flatMap(({ pods }) => pods).map((pod) => [pod.name, pod])),
    owners: new Map(applications.map(({ owner }) => [owner.uid, owner])),
  }));
