/** What `bramble doctor` makes of the master itself. Pure. */
import type { Config } from '../../config/schema.ts';
import { type Ipv4, sizeText } from '../../config/values.ts';
import type { MasterView } from '../../daemon/http/wire.ts';
import { chooseInterface, type NetworkInterface } from '../../daemon/system/interface-choice.ts';
import type { Finding } from '../findings.ts';
import type { Transport } from './open-ports.ts';
import type { PortFacts } from './port-owners.ts';
import type { ProbeFacts } from './probe.ts';

export type MasterFacts = {
  readonly config: Pick<Config, 'interface' | 'topology' | 'http' | 'data'> & {
    readonly cluster: Pick<Config['cluster'], 'driver' | 'kubeconfig'>;
  };
  /** Undefined: it does not answer. */
  readonly daemon: MasterView | undefined;
  /** Of who runs it; undefined where its data are not there. */
  readonly daemonUid: number | undefined;
  readonly interfaces: readonly NetworkInterface[];
  /** Whether an address is one for a time, from a DHCP server. */
  readonly lent: readonly Ipv4[];
  readonly ports: PortFacts;
  readonly clock: ClockFact;
  readonly disk: DiskFact;
  /** `cluster.kubeconfig` is there. */
  readonly hasAccount: boolean;
  /** What is wrong with who may read and write, each with what to do. */
  readonly permissions: readonly string[];
  /** Undefined: nothing was asked, since the daemon does not serve. */
  readonly probe: ProbeFacts | undefined;
};
export type ClockFact = 'synchronised' | 'not synchronised' | 'nobody says';
export type DiskFact =
  | { readonly is: 'read'; readonly free: number; readonly total: number; readonly isReadOnly: boolean }
  | { readonly is: 'unread'; readonly detail: string };

export const masterFindings = (facts: MasterFacts): readonly Finding[] => [
  ...ofInterface(facts),
  ...ofDhcp(facts),
  ...wantedPorts(facts).flatMap((wanted) => ofPort(wanted, facts)),
  ...(facts.probe === undefined ? [] : probeFindings(facts.probe, false)),
  ...ofClock(facts),
  ...ofDisk(facts),
  ...ofCluster(facts),
  ...ofPermissions(facts),
];

const finding =
  (about: Finding['about']) =>
  (level: Finding['level'], text: string): readonly Finding[] => [{ level, about, text }];

function ofInterface({ config, daemon, interfaces, lent }: MasterFacts): readonly Finding[] {
  const told = finding('interface');
  // Why it has none it says itself.
  if (daemon !== undefined && daemon.interface === null) return [];
  const chosen = chooseInterface(daemon?.interface ?? config.interface, interfaces);
  if (!chosen.ok) {
    // What it serves on is there, whatever this terminal sees of it.
    if (daemon !== undefined) return told('well', `${daemon.interface}, ${daemon.address}`);
    const { detail, line } = chosen.error;
    return told('wrong', line === '' ? detail : `${detail}; write into bramble.yaml: ${line}`);
  }
  const { name, carrier, address } = chosen.value;
  const own = `${name}, ${address.address}/${address.prefix}`;
  if (!carrier)
    return told('wrong', `${own}: no cable is connected: plug it in, and switch on what is at its other end`);
  if (!lent.includes(address.address)) return told('well', own);
  const why = `${own}: the address is lent by a DHCP server for a time, and boards have to find the master after a power cut, too`;
  if (config.topology === 'behind-master')
    return told('wrong', `${why}: give it a fixed one (sudo bramble setup), and unplug the other server`);
  return told('note', `${why}: reserve it in the router for this machine, or fix it (sudo bramble setup)`);
}

/** What is wrong with it, the daemon says as its advice. */
function ofDhcp({ daemon }: MasterFacts): readonly Finding[] {
  const told = finding('DHCP');
  switch (daemon?.dhcpMode) {
    case 'full':
      return told('well', 'no other DHCP server answers on this network; bramble gives the addresses');
    case 'proxy':
      return told('well', 'another DHCP server gives the addresses, bramble adds the boot information');
    case undefined:
      return told('note', 'only the daemon looks for other DHCP servers, and it does not answer');
    case 'searching':
    case 'deaf':
    case 'narrowed':
    case 'off':
      return [];
  }
}

type WantedPort = { readonly transport: Transport; readonly port: number; readonly use: string };

const wantedPorts = ({ config }: MasterFacts): readonly WantedPort[] => [
  { transport: 'udp', port: 67, use: 'DHCP' },
  { transport: 'udp', port: 69, use: 'TFTP' },
  { transport: 'udp', port: 5353, use: 'mDNS' },
  { transport: 'tcp', port: config.http.port, use: 'installer, images and status page' },
  ...(config.cluster.driver === 'k3s' ? [{ transport: 'tcp', port: 6443, use: 'Kubernetes' } as const] : []),
];

/** Those that share their port with the daemon, or are what has to be there. */
const welcome: Readonly<Record<number, RegExp>> = {
  5353: /^(avahi-daemon|systemd-resolve.*)$/,
  6443: /^(k3s|k3s-server|kube-apiserver)$/,
};

const remedies: readonly (readonly [RegExp, string])[] = [
  [/^dnsmasq$/, 'sudo systemctl disable --now dnsmasq (or take dhcp-range and enable-tftp out of its configuration)'],
  [
    /^(dhcpd|kea-dhcp4)$/,
    'stop it, or write dhcp: {mode: proxy} into bramble.yaml and give bramble an interface of its own',
  ],
  [/tftpd/, 'remove it: its files are not what boards need'],
  [/^systemd-resolve/, 'write MulticastDNS=no into /etc/systemd/resolved.conf and restart systemd-resolved'],
  [/^avahi-daemon$/, 'allow-point-to-point and disallow-other-stacks in /etc/avahi/avahi-daemon.conf have to be no'],
];

function ofPort({ transport, port, use }: WantedPort, { ports, daemon, daemonUid }: MasterFacts): readonly Finding[] {
  const told = finding('ports');
  const here = ports.ports.filter((one) => one.port === port && one.transport === transport);
  const isDaemons = ({ uid, inode }: (typeof here)[number]): boolean => {
    const names = ports.holders.get(inode);
    // Who may not see the programs of others tells it by its user; of root's own that says nothing.
    return names === undefined ? uid !== 0 && uid === daemonUid : names.includes('brambled');
  };
  const others = here.filter((one) => !isDaemons(one));
  const where = `${transport.toUpperCase()} ${port} (${use})`;
  if (others.length === 0) return here.length === 0 ? [] : told('well', `${where}: brambled`);
  const names = [
    ...new Set(others.flatMap(({ inode }) => ports.holders.get(inode) ?? ['a program that only root sees'])),
  ];
  const who = names.join(', ');
  const isWelcome = names.every((name) => welcome[port]?.test(name) === true);
  const isServed = here.length > others.length;
  if (isWelcome) return told('well', `${where}: ${isServed ? 'brambled, ' : ''}${who}`);
  if (isServed) return told('note', `${where}: brambled has it, and so has ${who}, on another interface or in vain`);
  if (names.includes('a program that only root sees')) return told('note', `${where}: ${who} has it: run it with sudo`);
  // Nobody knows yet on which interface it would be wanted.
  const remedy = remedies.find(([name]) => names.some((one) => name.test(one)))?.[1] ?? 'stop that program';
  const instead = use.startsWith('installer') ? `${remedy}, or write another http.port into bramble.yaml` : remedy;
  return told(daemon === undefined || port !== 6443 ? 'wrong' : 'note', `${where}: ${who} has it: ${instead}`);
}

/** `isElsewhere`: asked from another machine than the master. */
export function probeFindings({ announced, file }: ProbeFacts, isElsewhere: boolean): readonly Finding[] {
  const unheard = isElsewhere
    ? finding('names')('wrong', 'nobody announces _bramble._tcp here: is this machine on the boards’ network?')
    : finding('names')(
        'note',
        'a browser on this machine hears no master; ask from another one: bramble doctor --at ADDRESS',
      );
  const heard = announced === undefined ? unheard : finding('names')('well', `a browser hears ${announced}`);
  return [...ofFile(file, isElsewhere), ...heard];
}

function ofFile(file: ProbeFacts['file'], isElsewhere: boolean): readonly Finding[] {
  const told = finding('files');
  switch (file.is) {
    case 'fetched':
      return told('well', `a TFTP client got ${file.name}, ${file.bytes} bytes`);
    case 'refused':
      // Nobody else gets any, and an answer is what was asked for.
      return told('well', `a TFTP client that is no board is answered: ${file.detail}`);
    case 'silent':
      // What is bound to the boards' interface does not hear this machine itself.
      return isElsewhere
        ? told('wrong', `a TFTP client gets no answer (${file.detail}): on the master, sudo bramble doctor`)
        : [];
    case 'not asked':
      return [];
  }
}

function ofClock({ clock, config }: MasterFacts): readonly Finding[] {
  const told = finding('clock');
  if (clock === 'synchronised') return told('well', 'it is set by a time server');
  if (clock === 'nobody says')
    return told('note', 'nobody here says whether it is right (timedatectl): certificates of boards need it to be');
  const also = config.topology === 'behind-master' ? ', and boards take their time from it' : '';
  return told('wrong', `no time server has set it${also}: is the internet reached? (timedatectl; chronyc sources)`);
}

/** Less than this and the database may stop; less than that and no image can be imported. */
const [freeLeast, freeWanted] = [512 * 2 ** 20, 4 * 2 ** 30];

function ofDisk({ disk, config: { data } }: MasterFacts): readonly Finding[] {
  const told = finding('disk');
  if (disk.is === 'unread') return told('note', disk.detail);
  const { free, total, isReadOnly } = disk;
  const room = `${sizeText(free)} of ${sizeText(total)} free for ${data}`;
  if (isReadOnly)
    return told('wrong', `${data} is read-only: nothing can be kept. A card that is worn out does that: see dmesg`);
  if (free < freeLeast) return told('wrong', `${room}: make room, or move it (data)`);
  if (free < freeWanted) return told('note', `${room}: too little for another base image`);
  return told('well', room);
}

function ofCluster({ daemon, hasAccount, config: { cluster } }: MasterFacts): readonly Finding[] {
  const told = finding('cluster');
  if (cluster.driver === 'kube-config') return [];
  if (daemon?.cluster.reachable === true) return told('well', `the control plane (${daemon.cluster.driver}) answers`);
  if (!hasAccount)
    return told('wrong', `${cluster.kubeconfig} is not there: no board can join: sudo bramble cluster install`);
  if (daemon === undefined) return [];
  const { detail } = daemon.cluster;
  const why = detail === '' ? 'it does not answer' : detail;
  return told('wrong', `${why}${cluster.driver === 'k3s' ? ': sudo bramble cluster show' : ''}`);
}

function ofPermissions({ permissions, config: { data } }: MasterFacts): readonly Finding[] {
  const told = finding('access');
  if (permissions.length === 0) return told('well', `${data}: its owner’s alone`);
  return permissions.flatMap((text) => told('wrong', text));
}
