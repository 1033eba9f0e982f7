/** What the master says about itself and its boards on the LAN (RFC 6762, RFC 6763). */

import { type Hostname, type Ipv4, type Millis, seconds } from '../../config/values.ts';

type Common = {
  /** Full, without the last dot: `worker-kube1.local`. */
  readonly name: string;
  readonly ttl: Millis;
  /** Nobody else has records of this name and type; their old ones are flushed (RFC 6762 10.2). Others are shared. */
  readonly unique: boolean;
};

export type MdnsRecord =
  | (Common & { readonly type: 'A'; readonly address: Ipv4 })
  | (Common & { readonly type: 'PTR'; readonly target: string })
  | (Common & { readonly type: 'SRV'; readonly target: string; readonly port: number })
  | (Common & { readonly type: 'TXT'; readonly entries: readonly string[] })
  /** Which types the name has, so that nobody waits for another (RFC 6762 6.1). Never announced, only answered. */
  | (Common & { readonly type: 'NSEC'; readonly types: readonly string[] });

export type Host = {
  readonly name: Hostname;
  readonly address: Ipv4;
  /** An sshd of its own runs on it: `_ssh._tcp` is published. */
  readonly ssh?: boolean;
};

export type MasterFacts = Host & {
  readonly httpPort: number;
  readonly version: string;
  /** One word for browsers: `ready`, `degraded` … */
  readonly state: string;
  /** All that have a permanent address, whether they run or not. */
  readonly boards: readonly Host[];
};

/** RFC 6763 section 9: what browsers of everything ask for. */
const serviceTypesName = '_services._dns-sd._udp.local';
const ownType = '_bramble._tcp.local';
export const sshType = '_ssh._tcp.local';
export const sshPort = 22;

/** RFC 6762 section 10: two minutes where a host name is in it, 75 minutes elsewhere. */
const hostTtl = seconds(120);
const serviceTtl = seconds(4500);

export function masterRecords(master: MasterFacts): readonly MdnsRecord[] {
  const hosts = [master, ...master.boards];
  const remote = hosts.filter(({ ssh }) => ssh === true);
  const entries = [`version=${master.version}`, `state=${master.state}`];
  return [
    ...hostRecords(master),
    ...serviceTypeRecords(ownType),
    ...serviceRecords(master, { type: ownType, port: master.httpPort, entries }),
    ...master.boards.flatMap(hostRecords),
    ...(remote.length === 0 ? [] : serviceTypeRecords(sshType)),
    // RFC 6763 6.1: a service without text has one that is empty.
    ...remote.flatMap((host) => serviceRecords(host, { type: sshType, port: sshPort, entries: [''] })),
  ];
}

export const hostName = ({ name }: Host): string => `${name}.local`;

export const reverseName = (address: Ipv4): string => `${address.split('.').reverse().join('.')}.in-addr.arpa`;

export const isReverse = (name: string): boolean => name.toLowerCase().endsWith('.in-addr.arpa');

function hostRecords(host: Host): readonly MdnsRecord[] {
  const [name, reverse] = [hostName(host), reverseName(host.address)];
  return [
    { type: 'A', name, address: host.address, ttl: hostTtl, unique: true },
    { type: 'NSEC', name, types: ['A'], ttl: hostTtl, unique: true },
    { type: 'PTR', name: reverse, target: name, ttl: hostTtl, unique: true },
    { type: 'NSEC', name: reverse, types: ['PTR'], ttl: hostTtl, unique: true },
  ];
}

const serviceTypeRecords = (type: string): readonly MdnsRecord[] => [
  { type: 'PTR', ttl: serviceTtl, unique: false, name: serviceTypesName, target: type },
];

type Service = { readonly type: string; readonly port: number; readonly entries: readonly string[] };

function serviceRecords(host: Host, { type, port, entries }: Service): readonly MdnsRecord[] {
  const name = `${host.name}.${type}`;
  return [
    { type: 'PTR', ttl: serviceTtl, unique: false, name: type, target: name },
    { type: 'SRV', name, target: hostName(host), port, ttl: hostTtl, unique: true },
    { type: 'TXT', name, entries, ttl: serviceTtl, unique: true },
    { type: 'NSEC', name, types: ['TXT', 'SRV'], ttl: hostTtl, unique: true },
  ];
}

/** The owners of unique records, in lower case: what has to be probed for (RFC 6762 8.1). */
export const uniqueNames = (records: readonly MdnsRecord[]): ReadonlySet<string> =>
  new Set(records.filter(({ unique }) => unique).map(({ name }) => name.toLowerCase()));

/** The address of the host that a name belongs to: of the host itself, of its services, of the address backwards. */
export function ownerAddress(name: string, records: readonly MdnsRecord[]): Ipv4 | undefined {
  const service = records.find((record) => record.type === 'SRV' && sameName(record.name, name));
  const host = service?.type === 'SRV' ? service.target : name;
  for (const record of records) {
    if (record.type !== 'A') continue;
    if (sameName(record.name, host) || sameName(reverseName(record.address), name)) return record.address;
  }
  return undefined;
}

/** The same records under other names, wherever a name is in them. `names` has its keys in lower case. */
export function renamed(records: readonly MdnsRecord[], names: ReadonlyMap<string, string>): readonly MdnsRecord[] {
  if (names.size === 0) return records;
  const now = (name: string): string => names.get(name.toLowerCase()) ?? name;
  return records.map((record) => {
    const moved = { ...record, name: now(record.name) };
    return moved.type === 'PTR' || moved.type === 'SRV' ? { ...moved, target: now(moved.target) } : moved;
  });
}

/** RFC 6762 section 9: `master.local`, `master-2.local`, `master-3.local` … */
export function nextName(name: string): string {
  const [label = '', ...rest] = name.split('.');
  const [, stem = label, number = '1'] = /^(.*)-(\d{1,4})$/.exec(label) ?? [];
  const suffix = `-${Number(number) + 1}`;
  return [`${stem.slice(0, 63 - suffix.length)}${suffix}`, ...rest].join('.');
}

/** Names are compared in any case (RFC 6762 section 16); ours and those we care for are ASCII. */
export const sameName = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());

/** Equal for records that say the same, whatever their time to live. */
export function identity(record: MdnsRecord): string {
  return `${setOf(record)} ${dataOf(record)}`;
}

/** Equal for records of one set, by name and type: what the cache-flush bit is about. */
export const setOf = (record: MdnsRecord): string => `${record.name.toLowerCase()} ${record.type}`;

function dataOf(record: MdnsRecord): string {
  switch (record.type) {
    case 'A':
      return record.address;
    case 'PTR':
      return record.target.toLowerCase();
    case 'SRV':
      return `${record.port} ${record.target.toLowerCase()}`;
    case 'TXT':
      return JSON.stringify(record.entries);
    case 'NSEC':
      return record.types.join(' ');
  }
}
