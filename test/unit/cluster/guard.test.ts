import test from 'ava';
import { createGuard, type Place } from '../../../daemon/cluster/guard.ts';
import type { NodeFacts } from '../../../daemon/cluster/nodes.ts';
import { nodeFacts } from '../../support/nodes.ts';

const place = (number: number, changes: Partial<Place> = {}): Place => ({
  device: `d-${number}`,
  name: `worker-kube${number}`,
  node: `worker-kube${number}`,
  address: `10.77.0.${number}`,
  hasNode: true,
  ...changes,
});
const node = (number: number, changes: Partial<NodeFacts> = {}): NodeFacts =>
  nodeFacts({ name: `worker-kube${number}`, internalIp: `10.77.0.${number}`, device: `d-${number}`, ...changes });
const places = [place(1), place(2), place(3, { hasNode: false }), place(4, { address: undefined })];
const seen = createGuard(places);

test('what was joined is as it should be, also before it says where it is, and where the router says so', (t) => {
  t.is(seen(node(1)), undefined);
  t.is(seen(node(1, { internalIp: undefined, ready: false })), undefined);
  t.is(seen(node(4, { internalIp: '192.168.1.77' })), undefined);
  t.is(seen(node(3, { ready: false })), undefined, 'its earlier life');
});

const cases: readonly (readonly [
  title: string,
  NodeFacts,
  suspicion: string,
  device: string | undefined,
  why: RegExp,
])[] = [
  ['a foreign name', node(9, { device: undefined }), 'name', undefined, /joined no Node of this name/],
  ['a stolen name', node(1, { device: undefined }), 'name', 'd-1', /has the name of worker-kube1/],
  ['a stolen name, elsewhere', node(1, { device: undefined, internalIp: 'x' }), 'name', 'd-1', /name of worker-kube1/],
  [
    'a stolen address',
    node(9, { device: undefined, internalIp: '10.77.0.2' }),
    'address',
    'd-2',
    /has the address of worker-kube2/,
  ],
  ['a stolen label', node(9, { device: 'd-1' }), 'device', 'd-1', /says to be worker-kube1, whose Node is called/],
  ['the name of one board and the label of another', node(1, { device: 'd-2' }), 'device', 'd-2', /to be worker-kube2/],
  ['a label that is nobody’s', node(1, { device: 'd-77' }), 'device', 'd-1', /the board d-77, which is none of ours/],
  ['a board that was not joined', node(3), 'state', 'd-3', /worker-kube3, which is not in the cluster/],
  [
    'another address',
    node(1, { internalIp: '10.9.9.9' }),
    'address',
    'd-1',
    /has the address 10\.77\.0\.1, and has 10\.9/,
  ],
  ['another board’s address', node(1, { internalIp: '10.77.0.2' }), 'address', 'd-1', /the address of worker-kube2/],
  [
    'another board’s address, by DHCP',
    node(4, { internalIp: '10.77.0.2' }),
    'address',
    'd-4',
    /address of worker-kube2/,
  ],
];

for (const [title, suspicious, suspicion, device, why] of cases) {
  test(title, (t) => {
    const found = seen(suspicious);
    t.like(found, { node: suspicious, suspicion, device });
    t.regex(found?.why ?? '', why);
    t.is(seen({ ...suspicious, controlPlane: true }), undefined, 'unless it is the control plane');
  });
}

test('what a kubelet says is cut', (t) => {
  const { why } = seen(node(1, { internalIp: 'x'.repeat(100_000) })) ?? { why: '' };
  t.is(why.length, 200);
});
