import test from 'ava';
import { parse } from 'yaml';
import {
  hasMemoryCgroup,
  isOurs,
  missingLines,
  type ServerPlace,
  serverConfig,
  serverSettings,
  unitText,
} from '../../../../cli/cluster/server-config.ts';
import { must } from '../../../../config/result.ts';
import { parseIpv4, parseSubnet } from '../../../../config/values.ts';

const place: ServerPlace = {
  ...{ interface: 'eth0', hostname: 'master', ranges: undefined, otherAddresses: [must(parseIpv4('192.168.1.20'))] },
  address: must(parseIpv4('10.77.0.1')),
};

test('everything is on the boards’ side, and names that people use are in the certificate', (t) => {
  t.deepEqual(parse(serverConfig(place)), {
    'node-name': 'master',
    'node-ip': '10.77.0.1',
    'advertise-address': '10.77.0.1',
    'flannel-iface': 'eth0',
    'tls-san': ['10.77.0.1', 'master', 'master.local', '192.168.1.20'],
    'write-kubeconfig-mode': '0600',
    'node-taint': ['node-role.kubernetes.io/control-plane=:NoSchedule'],
  });
});

test('ranges of the owner’s', (t) => {
  const ranges = ['10.142.0.0/16', '10.143.0.0/16'].map((text) => must(parseSubnet(text)));
  t.like(serverSettings({ ...place, ranges }), {
    'cluster-cidr': '10.142.0.0/16',
    'service-cidr': '10.143.0.0/16',
    'cluster-dns': '10.143.0.10',
  });
});

test('a file that somebody changed is not ours any more', (t) => {
  const text = serverConfig(place);
  t.true(isOurs(text));
  t.true(isOurs(unitText));
  t.false(isOurs(`${text}debug: true\n`));
  t.false(isOurs(text.replace('eth0', 'eth1')));
  for (const other of ['', '\n', 'node-ip: 10.77.0.1\n', text.slice(text.indexOf('\n') + 1)]) t.false(isOurs(other));
});

const theirs = [
  [
    'all that is needed',
    'node-ip: 10.77.0.1\nadvertise-address: 10.77.0.1\nflannel-iface: eth0\ntls-san: "10.77.0.1,master,master.local,192.168.1.20,x"',
    [],
  ],
  [
    'nothing',
    '',
    [
      'node-ip: 10.77.0.1',
      'advertise-address: 10.77.0.1',
      'flannel-iface: eth0',
      'tls-san: [10.77.0.1, master, master.local, 192.168.1.20]',
    ],
  ],
  [
    'another interface and one name',
    'node-ip: [10.77.0.1, "fd00::1"]\nadvertise-address: 10.77.0.1\nflannel-iface: wlan0\ntls-san: [kube]',
    ['flannel-iface: eth0', 'tls-san: [kube, 10.77.0.1, master, master.local, 192.168.1.20]'],
  ],
  [
    'no YAML',
    '{',
    [
      'node-ip: 10.77.0.1',
      'advertise-address: 10.77.0.1',
      'flannel-iface: eth0',
      'tls-san: [10.77.0.1, master, master.local, 192.168.1.20]',
    ],
  ],
] as const;
for (const [what, text, lines] of theirs) {
  test(`a configuration that has ${what}`, (t) => {
    t.deepEqual(missingLines(text, place), [...lines]);
  });
}

test('whether the kernel counts memory', (t) => {
  const v1 = '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t2\t1\nmemory\t4\t78\t';
  t.true(hasMemoryCgroup(`${v1}1\n`, ''));
  t.false(hasMemoryCgroup(`${v1}0\n`, ''), 'Raspberry Pi OS without cgroup_enable=memory');
  t.true(hasMemoryCgroup('', 'cpuset cpu io memory pids\n'));
  t.false(hasMemoryCgroup('', 'cpuset cpu io pids\n'));
});
