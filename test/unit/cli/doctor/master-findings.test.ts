import test from 'ava';
import { type MasterFacts, masterFindings, probeFindings } from '../../../../cli/doctor/master-findings.ts';
import { must } from '../../../../config/result.ts';
import { parseIpv4, parseMac } from '../../../../config/values.ts';
import type { NetworkInterface } from '../../../../daemon/system/interface-choice.ts';
import { statusFake } from '../../http/views-fake.ts';

const address = must(parseIpv4('192.168.1.10'));
const eth0: NetworkInterface = {
  ...{ name: 'eth0', mac: must(parseMac('dc:a6:32:01:02:03')), kind: 'wired', carrier: true },
  addresses: [{ address, prefix: 24 }],
};
const { master } = statusFake([]);
const GiB = 2 ** 30;

const facts = (more: Partial<MasterFacts> = {}): MasterFacts => ({
  config: {
    ...{ interface: 'auto', topology: 'beside-router', http: { port: 8067 }, data: '/var/lib/bramble' },
    cluster: { driver: 'k3s', kubeconfig: '/etc/bramble/kubeconfig' },
  },
  ...{
    daemon: master,
    daemonUid: 107,
    interfaces: [eth0],
    lent: [],
    hasAccount: true,
    permissions: [],
    probe: undefined,
  },
  ports: { ports: [], holders: new Map() },
  clock: 'synchronised',
  disk: { is: 'read', free: 20 * GiB, total: 30 * GiB, isReadOnly: false },
  ...more,
});
const told = (more: Partial<MasterFacts> = {}): readonly string[] =>
  masterFindings(facts(more)).map(({ level, about, text }) => `${level} ${about}: ${text}`);
const behind = { ...facts().config, topology: 'behind-master' } as const;

/** Sockets by port and program; '' where only root may see whose. */
function ports(...held: readonly (readonly [number, string, number?])[]): MasterFacts['ports'] {
  const rows = held.map(([port, name, uid = 0], inode) => ({
    row: { transport: port > 6000 ? ('tcp' as const) : ('udp' as const), port, uid, inode },
    name,
  }));
  const holders = rows.flatMap(({ row, name }) => (name === '' ? [] : [[row.inode, [name]] as const]));
  return { ports: rows.map(({ row }) => row), holders: new Map(holders) };
}

test('all is well', (t) => {
  t.deepEqual(told(), [
    'well interface: eth0, 192.168.1.10/24',
    'well DHCP: no other DHCP server answers on this network; bramble gives the addresses',
    'well clock: it is set by a time server',
    'well disk: 21.4 GB of 32.2 GB free for /var/lib/bramble',
    'well cluster: the control plane (k3s) answers',
    'well access: /var/lib/bramble: its owner’s alone',
  ]);
});

test('the interface: unclear, unplugged, with an address that is lent', (t) => {
  const eth1 = { ...eth0, name: 'eth1' };
  t.regex(
    told({ daemon: undefined, interfaces: [eth0, eth1] })[0] ?? '',
    /^wrong interface: eth0, eth1 are all connected.*write into bramble\.yaml: interface: eth0 {3}# or eth1$/,
  );
  t.regex(told({ interfaces: [{ ...eth0, carrier: false }] })[0] ?? '', /^wrong interface: eth0.*plug it in/);
  t.regex(told({ lent: [address] })[0] ?? '', /^note interface: .*reserve it in the router/);
  t.regex(told({ lent: [address], config: behind })[0] ?? '', /^wrong interface: .*sudo bramble setup/);
  t.false(told({ daemon: { ...master, interface: null } }).some((line) => line.includes('interface:')));
});

test('ports: the program is named, with what to do about it', (t) => {
  const about = (held: MasterFacts['ports'], more: Partial<MasterFacts> = {}) =>
    told({ daemon: undefined, ports: held, ...more }).filter((line) => line.includes(' ports: '));
  t.deepEqual(about(ports([67, 'dnsmasq'])), [
    'wrong ports: UDP 67 (DHCP): dnsmasq has it: sudo systemctl disable --now dnsmasq (or take dhcp-range and enable-tftp out of its configuration)',
  ]);
  t.regex(about(ports([69, 'in.tftpd'])).join(), /^wrong ports: UDP 69 \(TFTP\): in\.tftpd has it: remove it/);
  t.deepEqual(about(ports([5353, 'avahi-daemon'])), ['well ports: UDP 5353 (mDNS): avahi-daemon']);
  t.deepEqual(about(ports([5353, 'systemd-resolve'], [5353, 'brambled'])), [
    'well ports: UDP 5353 (mDNS): brambled, systemd-resolve',
  ]);
  t.regex(
    about(ports([8067, 'nginx'])).join(),
    /^wrong ports: TCP 8067 .*nginx has it: stop that program, or write another http\.port/,
  );
  t.deepEqual(about(ports([6443, 'k3s-server'])), ['well ports: TCP 6443 (Kubernetes): k3s-server']);
  t.deepEqual(about(ports([67, 'brambled'], [69, 'brambled'])), [
    'well ports: UDP 67 (DHCP): brambled',
    'well ports: UDP 69 (TFTP): brambled',
  ]);
  t.regex(about(ports([67, 'brambled'], [67, 'dnsmasq'])).join(), /^note ports: .*brambled has it, and so has dnsmasq/);
  t.deepEqual(about(ports([53, 'dnsmasq'])), [], 'a port that nobody wants');
});

test('ports without root: the daemon is told by its user, of others it says how to see them', (t) => {
  const about = (uid: number) => told({ ports: ports([67, '', uid]) }).filter((line) => line.includes(' ports: '));
  t.deepEqual(about(107), ['well ports: UDP 67 (DHCP): brambled']);
  t.regex(about(0).join(), /^note ports: .*a program that only root sees has it: run it with sudo$/);
});

test('clock, disk, control plane and permissions', (t) => {
  const disk = { is: 'read', free: 20 * GiB, total: 30 * GiB, isReadOnly: false } as const;
  const cases: readonly (readonly [Partial<MasterFacts>, RegExp])[] = [
    [{ clock: 'not synchronised' }, /^wrong clock: no time server has set it: /m],
    [{ clock: 'not synchronised', config: behind }, /and boards take their time from it/],
    [{ clock: 'nobody says' }, /^note clock/m],
    [{ disk: { ...disk, free: GiB } }, /^note disk: 1 GB of .*too little for another base image/m],
    [{ disk: { ...disk, free: 1e6 } }, /^wrong disk: 1 MB of .*make room/m],
    [{ disk: { ...disk, isReadOnly: true } }, /^wrong disk: .*read-only/m],
    [{ disk: { is: 'unread', detail: 'EIO' } }, /^note disk: EIO/m],
    [{ hasAccount: false, daemon: undefined }, /^wrong cluster: .*sudo bramble cluster install/m],
    [
      { daemon: { ...master, cluster: { driver: 'k3s', reachable: false, detail: 'refused' } } },
      /^wrong cluster: refused: sudo bramble cluster show/m,
    ],
    [{ permissions: ['anybody may write x: chmod'] }, /^wrong access: anybody may write x: chmod/m],
  ];
  for (const [more, pattern] of cases) t.regex(told(more).join('\n'), pattern);
});

test('what two foreign programs got, asked here and from another machine', (t) => {
  const silent = { announced: undefined, file: { is: 'silent', name: 'config.txt', detail: 'timed out' } } as const;
  const levels = (isElsewhere: boolean) => probeFindings(silent, isElsewhere).map(({ level }) => level);
  t.deepEqual([levels(false), levels(true)], [['note'], ['wrong', 'wrong']]);
  const answered = {
    announced: 'master.local:8067',
    file: { is: 'refused', name: 'config.txt', detail: 'no board' },
  } as const;
  t.deepEqual(
    probeFindings(answered, true).map(({ level }) => level),
    ['well', 'well'],
  );
});
