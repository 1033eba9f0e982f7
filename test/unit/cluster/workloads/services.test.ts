import test from 'ava';
import { linksTo, readService } from '../../../../daemon/cluster/workloads/services.ts';

const nodes = [
  { name: 'worker-kube1', ready: true, internalIp: '192.168.1.201' },
  { name: 'worker-kube2', ready: false, internalIp: '192.168.1.202' },
  { name: 'worker-kube3', ready: true, internalIp: undefined },
];
const service = (spec: unknown, status: unknown = {}) => {
  const read = readService({ metadata: { namespace: 'default', name: 'web' }, spec, status });
  if (read === undefined) throw new Error('not read');
  return read.ports.map((port) => linksTo(read, port, nodes));
};

test('a NodePort is reached on each Node that is Ready', (t) => {
  t.deepEqual(service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }), [['http://192.168.1.201:30080/']]);
});

test('an external address and a load balancer’s come first, at the port of the Service', (t) => {
  const spec = { type: 'LoadBalancer', externalIPs: ['192.168.1.50'], ports: [{ port: 80, nodePort: 31000 }] };
  const status = { loadBalancer: { ingress: [{ ip: '192.168.1.60' }, { hostname: 'lb.home' }] } };
  t.deepEqual(service(spec, status), [
    ['http://192.168.1.50/', 'http://192.168.1.60/', 'http://lb.home/', 'http://192.168.1.201:31000/'],
  ]);
});

test('https by its port or its name; UDP and what is inside only have no link', (t) => {
  const ports = [
    { port: 443, name: 'web' },
    { port: 9000, name: 'https-admin' },
    { port: 53, protocol: 'UDP' },
  ];
  t.deepEqual(service({ externalIPs: ['fd00::5'], ports }), [['https://[fd00::5]/'], ['https://[fd00::5]:9000/'], []]);
  t.deepEqual(service({ ports: [{ port: 80 }] }), [[]]);
});

test('what is no host is no link, and what is no Service is none', (t) => {
  const ingress = ['a/b', 'user@host', 'x y', 'javascript:alert(1)', '"><script>'].map((hostname) => ({ hostname }));
  t.deepEqual(service({ ports: [{ port: 80 }, { port: 'x' }, null] }, { loadBalancer: { ingress } }), [[]]);
  for (const junk of [null, 3, {}, { metadata: {} }]) t.is(readService(junk), undefined);
});
