import test from 'ava';
import { instant } from '../../../../config/values.ts';
import type { PodFacts } from '../../../../daemon/cluster/workloads/facts.ts';
import { createPodReader } from '../../../../daemon/cluster/workloads/pods.ts';
import { heldBytes } from '../../../support/heap.ts';

type Changes = { readonly metadata?: object; readonly spec?: object; readonly status?: object };

/** As a v1.34 API server gives it: its defaults filled in, what nobody looks at left out here and there. */
const real = ({ metadata = {}, spec = {}, status = {} }: Changes = {}) => ({
  metadata: {
    name: 'web-5d9c7b6f4-abcde',
    generateName: 'web-5d9c7b6f4-',
    namespace: 'default',
    uid: '0f0a4a4e-6d0c-4b8e-9c61-0d8d1c1b7d11',
    resourceVersion: '412',
    creationTimestamp: '2026-03-01T10:00:00Z',
    labels: { app: 'web', 'pod-template-hash': '5d9c7b6f4' },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'not-this', uid: 'c', blockOwnerDeletion: true },
      {
        ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d9c7b6f4', uid: 'rs-1' },
        ...{ controller: true, blockOwnerDeletion: true },
      },
    ],
    managedFields: [{ manager: 'kube-controller-manager', operation: 'Update' }],
    ...metadata,
  },
  spec: {
    nodeName: 'worker-kube1',
    containers: [
      { name: 'page', image: 'httpd:2.4', resources: { requests: { cpu: '100m', memory: '64Mi' } } },
      { name: 'side', image: 'log:1', resources: { requests: { cpu: '50m' } } },
    ],
    volumes: [{ name: 'kube-api-access', projected: { sources: [] } }],
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      { operator: 'Exists' },
      { key: 'arm', value: 'yes', effect: 'NoSchedule' },
    ],
    priority: 0,
    ...spec,
  },
  status: {
    phase: 'Running',
    conditions: [
      { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-03-01T10:00:00Z' },
      { type: 'Ready', status: 'True', lastTransitionTime: '2026-03-01T10:00:05Z' },
    ],
    ...status,
  },
});
const read = (changes: Changes = {}): PodFacts | undefined => createPodReader()(real(changes));
const shape = (spec: object): PodFacts['shape'] | undefined => read({ spec })?.shape;

test('a pod of a Deployment', (t) => {
  t.deepEqual(read(), {
    name: 'default/web-5d9c7b6f4-abcde',
    uid: '0f0a4a4e-6d0c-4b8e-9c61-0d8d1c1b7d11',
    node: 'worker-kube1',
    owner: { kind: 'ReplicaSet', uid: 'rs-1', name: 'web-5d9c7b6f4' },
    phase: 'Running',
    ready: true,
    readySince: instant(Date.UTC(2026, 2, 1, 10, 0, 5)),
    terminating: false,
    created: instant(Date.UTC(2026, 2, 1, 10)),
    labels: { app: 'web', 'pod-template-hash': '5d9c7b6f4' },
    shape: {
      requests: { cpu: 150, memory: 64 * 2 ** 20 },
      ...{ hostPorts: [], nodeSelector: {}, nodeAffinity: [], podAffinity: [], podAntiAffinity: [], spread: [] },
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', value: '', effect: 'NoExecute' },
        { key: undefined, operator: 'Exists', value: '', effect: undefined },
        { key: 'arm', operator: 'Equal', value: 'yes', effect: 'NoSchedule' },
      ],
      ...{ claims: [], localStorage: false, systemCritical: false, priority: 0, hostNetwork: false },
      images: ['httpd:2.4', 'log:1'],
    },
    ...{ wish: undefined, deletionCost: 0, mirror: false },
  });
});

test('one that is nowhere yet, of nobody; and what is no pod', (t) => {
  const bare = read({
    metadata: { ownerReferences: undefined, labels: undefined },
    spec: { nodeName: '' },
    status: { phase: 'Pending', conditions: undefined },
  });
  t.like(bare, { node: undefined, owner: undefined, phase: 'Pending', ready: false, readySince: undefined });
  t.deepEqual(bare?.labels, {});
  t.is(read({ metadata: { uid: undefined } }), undefined);
  t.is(createPodReader()(null), undefined);
  t.is(read({ status: { phase: 'Sleeping' } })?.phase, 'Unknown');
  t.true(read({ metadata: { deletionTimestamp: '2026-03-01T10:00:00Z' } })?.terminating);
});

const annotated: readonly (readonly [what: string, annotations: Record<string, string>, expected: object])[] = [
  ['ours', { 'bramble.dev/balance': 'false' }, { wish: 'stay' }],
  [
    'ours before the descheduler’s',
    { 'bramble.dev/balance': 'true', 'descheduler.alpha.kubernetes.io/prefer-no-eviction': '' },
    { wish: 'may-move' },
  ],
  ['the descheduler’s', { 'descheduler.alpha.kubernetes.io/evict': 'true' }, { wish: 'may-move' }],
  ['the descheduler’s other one', { 'descheduler.alpha.kubernetes.io/prefer-no-eviction': 'true' }, { wish: 'stay' }],
  ['a price', { 'controller.kubernetes.io/pod-deletion-cost': '-1000' }, { deletionCost: -1000, wish: undefined }],
  ['no price', { 'controller.kubernetes.io/pod-deletion-cost': 'cheap' }, { deletionCost: 0 }],
  ['a static pod', { 'kubernetes.io/config.mirror': 'abc' }, { mirror: true }],
];
for (const [what, annotations, expected] of annotated)
  test(`annotations: ${what}`, (t) => void t.like(read({ metadata: { annotations } }), expected));

test('requests: sidecars run beside, init containers before, the whole pod counts instead', (t) => {
  const container = (cpu: string, memory: string, more: object = {}) => ({
    image: 'x',
    resources: { requests: { cpu, memory } },
    ...more,
  });
  const sidecar = { restartPolicy: 'Always' };
  const containers = [container('100m', '10M'), container('100m', '10M')];
  t.deepEqual(shape({ containers, initContainers: [container('1', '5M')] })?.requests, { cpu: 1000, memory: 20e6 });
  t.deepEqual(
    shape({ containers, initContainers: [container('50m', '5M', sidecar), container('1', '1M')] })?.requests,
    { cpu: 1050, memory: 25e6 },
  );
  t.deepEqual(shape({ containers, resources: { requests: { cpu: '2' } }, overhead: { memory: '1M' } })?.requests, {
    cpu: 2000,
    memory: 21e6,
  });
  t.deepEqual(shape({ containers: [{ image: 'x' }] })?.requests, { cpu: 0, memory: 0 });
});

test('ports of the host, of sidecars as well', (t) => {
  const ports = [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }, { containerPort: 1 }];
  const initContainers = [
    { image: 'i', restartPolicy: 'Always', ports: [{ hostPort: 53, hostIP: '127.0.0.1', protocol: 'UDP' }] },
    { image: 'i', ports: [{ hostPort: 99 }] },
  ];
  t.deepEqual(shape({ containers: [{ image: 'x', ports }], initContainers, hostNetwork: true })?.hostPorts, [
    '0.0.0.0:80/TCP',
    '127.0.0.1:53/UDP',
  ]);
});

test('volumes: claims by their whole name, and what does not move', (t) => {
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-0' } },
    { name: 'scratch', ephemeral: { volumeClaimTemplate: {} } },
    { name: 'config', configMap: { name: 'c' } },
  ];
  t.like(shape({ volumes }), {
    claims: ['default/data-0', 'default/web-5d9c7b6f4-abcde-scratch'],
    localStorage: false,
  });
  t.true(shape({ volumes: [{ name: 'x', emptyDir: {} }] })?.localStorage);
  t.true(shape({ volumes: [{ name: 'x', hostPath: { path: '/' } }] })?.localStorage);
});

test('priorities of the system', (t) => {
  t.like(shape({ priority: 2_000_000_000 }), { systemCritical: true, priority: 2_000_000_000 });
  t.like(shape({ priority: 1_000_000_000 }), { systemCritical: false });
});

test('affinity: required terms; what cannot be understood matches nothing', (t) => {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const labelSelector = { matchLabels: { app: 'db' } };
  const found = shape({
    nodeSelector: { disk: 'ssd' },
    affinity: {
      nodeAffinity: {
        [required]: {
          nodeSelectorTerms: [
            {
              matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }],
              matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }],
            },
            {},
            { matchExpressions: [{ key: 'zone', operator: 'Near' }] },
          ],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }],
      },
      podAffinity: { [required]: [{ topologyKey: 'zone', labelSelector, namespaces: ['a', 'b'] }] },
      podAntiAffinity: {
        [required]: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector },
          { topologyKey: 'zone', namespaceSelector: {} },
        ],
      },
    },
  });
  const nothing = [{ key: '', operator: 'In', values: [] }];
  t.deepEqual(found?.nodeSelector, { disk: 'ssd' });
  t.deepEqual(found?.nodeAffinity, [
    [
      { key: 'zone', operator: 'NotIn', values: ['a'] },
      { key: 'metadata.name', operator: 'In', values: ['n1'], field: true },
    ],
    nothing,
    nothing,
  ]);
  const selector = { matchLabels: { app: 'db' }, matchExpressions: [] };
  t.deepEqual(found?.podAffinity, [{ topologyKey: 'zone', namespaces: ['a', 'b'], selector }]);
  t.deepEqual(found?.podAntiAffinity, [
    { topologyKey: 'kubernetes.io/hostname', namespaces: ['default'], selector },
    { topologyKey: 'zone', namespaces: 'all', selector: undefined },
  ]);
});

test('spread: a rollout’s pods by themselves', (t) => {
  const constraint = {
    topologyKey: 'kubernetes.io/hostname',
    maxSkew: 1,
    labelSelector: { matchLabels: { app: 'web' } },
  };
  const topologySpreadConstraints = [
    { ...constraint, whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: ['pod-template-hash', 'none'] },
    { ...constraint, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: undefined },
  ];
  t.deepEqual(shape({ topologySpreadConstraints })?.spread, [
    {
      ...{ topologyKey: 'kubernetes.io/hostname', maxSkew: 1, hard: true },
      selector: {
        matchLabels: { app: 'web' },
        matchExpressions: [{ key: 'pod-template-hash', operator: 'In', values: ['5d9c7b6f4'] }],
      },
    },
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 1, hard: false, selector: undefined },
  ]);
});

test('pods of one template share what they have in common', (t) => {
  const readPod = createPodReader();
  const [a, b, other] = [
    readPod(real()),
    readPod(real({ metadata: { name: 'b' } })),
    readPod(real({ spec: { priority: 7 } })),
  ];
  t.is(a?.shape, b?.shape);
  t.is(a?.labels, b?.labels);
  t.is(a?.owner, b?.owner);
  t.not(a?.shape, other?.shape);
});

test('50,000 pods of 5,000 templates are some tens of megabytes', (t) => {
  const pods = 10_000;
  const readPod = createPodReader();
  const objectOf = (index: number): unknown => {
    const template = index % 1000;
    const labels = { app: `app-${template}`, 'pod-template-hash': '5d9c7b6f4' };
    const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `app-${template}`, controller: true };
    return JSON.parse(
      JSON.stringify(
        real({
          metadata: {
            name: `p-${index}`,
            uid: `${index}-4b8e-9c61`,
            labels,
            ownerReferences: [{ ...controller, uid: `u-${template}` }],
          },
          spec: { nodeName: `worker-${index % 200}`, containers: [{ name: 'page', image: `page-${template}` }] },
        }),
      ),
    );
  };
  readPod(objectOf(0));
  const before = heldBytes();
  const kept = new Map(Array.from({ length: pods }, (_, index) => [index, readPod(objectOf(index))]));
  const each = (heldBytes() - before) / pods;
  t.is(kept.size, pods);
  // 120 MB for 50,000 would be 2,400.
  t.true(each < 1500, `${each.toFixed(0)} bytes`);
  t.log(`${each.toFixed(0)} bytes`);
});
