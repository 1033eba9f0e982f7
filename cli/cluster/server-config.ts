/** What a k3s server on the master is told: its configuration and its unit. Pure. */
import { createHash } from 'node:crypto';
import { parse, stringify } from 'yaml';
import type { Config } from '../../config/schema.ts';
import { type Ipv4, type Subnet, subnetText } from '../../config/values.ts';

export const serverPaths = {
  binary: '/usr/local/bin/k3s',
  config: '/etc/rancher/k3s/config.yaml',
  kubeconfig: '/etc/rancher/k3s/k3s.yaml',
  images: '/var/lib/rancher/k3s/agent/images',
  unit: '/etc/systemd/system/k3s.service',
  agentUnit: '/etc/systemd/system/k3s-agent.service',
} as const;
export const serverUnit = 'k3s.service';
export const serverPort = 6443;

/** Where the boards are, and what this machine is called there. */
export type ServerPlace = {
  readonly interface: string;
  readonly address: Ipv4;
  readonly hostname: string;
  /** By which it is reached from elsewhere, such as the home network. */
  readonly otherAddresses: readonly Ipv4[];
  /** Pods and services, in this order, where they are not k3s' own. */
  readonly ranges: readonly Subnet[] | undefined;
};

export type ServerSettings = Readonly<Record<string, string | readonly string[]>>;

/**
 * Everything is on the boards' side, also where another interface has the default route: k3s would take that one
 * (docs.k3s.io, cli/server: node-ip, advertise-address, flannel-iface). The master carries no workload; what k3s brings along
 * itself tolerates the taint.
 */
export const serverSettings = ({
  interface: name,
  address,
  hostname,
  otherAddresses,
  ranges,
}: ServerPlace): ServerSettings => ({
  'node-name': hostname,
  'node-ip': address,
  'advertise-address': address,
  'flannel-iface': name,
  'tls-san': [address, hostname, `${hostname}.local`, ...otherAddresses],
  'write-kubeconfig-mode': '0600',
  'node-taint': ['node-role.kubernetes.io/control-plane=:NoSchedule'],
  ...(ranges?.length === 2 && {
    'cluster-cidr': subnetText(ranges[0] ?? unreachable()),
    'service-cidr': subnetText(ranges[1] ?? unreachable()),
    'cluster-dns': tenthOf(ranges[1] ?? unreachable()),
  }),
});

function unreachable(): never {
  throw new Error('a list of two has two');
}

/** As k3s does it where nobody says otherwise: 10.43.0.10 of 10.43.0.0/16. */
const tenthOf = ({ network }: Subnet): string => network.replace(/\d+$/, (last) => String(Number(last) + 10));

/** Why a cluster cannot have these ranges; undefined: it can. */
export function unfitRanges({ ranges }: Config['cluster']): string | undefined {
  if (ranges === undefined || ranges.length === 2) return undefined;
  return 'cluster.ranges: k3s wants two, that of the pods and that of the services, such as [10.42.0.0/16, 10.43.0.0/16]';
}

/** Its first line tells whether it is as it was written: one that somebody changed is his. */
export function signed(text: string): string {
  return `${mark}${sumOf(text)}\n${text}`;
}

export function isOurs(text: string): boolean {
  const end = text.indexOf('\n');
  return end > 0 && text.slice(0, end) === `${mark}${sumOf(text.slice(end + 1))}`;
}

const mark = '# Written by bramble cluster install, which leaves it alone once it is changed. ';
const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

export const serverConfig = (place: ServerPlace): string => signed(stringify(serverSettings(place)));

/** What a configuration of somebody else's lacks of ours, as lines to be written; only what decides whether boards can join, and people get in. */
export function missingLines(text: string, place: ServerPlace): readonly string[] {
  const theirs = settingsOf(text);
  const wanted = serverSettings(place);
  const has = (key: string): readonly string[] => [theirs[key] ?? []].flat().flatMap((one) => String(one).split(','));
  const lines = ['node-ip', 'advertise-address', 'flannel-iface'].flatMap((key) =>
    has(key).includes(String(wanted[key])) ? [] : [`${key}: ${wanted[key]}`],
  );
  const names = [wanted['tls-san'] ?? []].flat().filter((name) => !has('tls-san').includes(name));
  return names.length === 0 ? lines : [...lines, `tls-san: [${[...has('tls-san'), ...names].join(', ')}]`];
}

function settingsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/**
 * As a service that never gives up and takes no container with it when it is stopped (facts 1.2, 7.1). `Type=notify` without a
 * time-out: whoever starts it must not wait for it.
 */
export const unitText = signed(`[Unit]
Description=k3s server: the cluster that bramble's boards join
Documentation=https://docs.k3s.io
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=${serverPaths.binary} server
Restart=always
RestartSec=5s
TimeoutStartSec=0
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`);

/** `/proc/cgroups` (v1) or `cgroup.controllers` (v2): a kubelet needs to count memory, and Raspberry Pi OS does not (facts 1.2). */
export const hasMemoryCgroup = (cgroups: string, controllers: string): boolean =>
  /^memory\t\d+\t\d+\t1$/m.test(cgroups) || controllers.split(/\s/).includes('memory');
