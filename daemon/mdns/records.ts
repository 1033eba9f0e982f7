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

export type Host = { readonly name: Hostname; readonly address: Ipv4 };

export type MasterFacts = Host & {
  readonly httpPort: number;
  readonly version: string;
  /** One word for browsers: `ready`, `degraded` … */
  readonly state: string;
  /** All that have a permanent address, whether they run or not. */
  readonly boards: readonly Host[];
};

const serviceType = '_bramble._tcp.local';
/** RFC 6763 section 9: what browsers of everything ask for. */
const serviceTypesName = '_services._dns-sd._udp.local';

/** RFC 6762 section 10: two minutes where a host name is in it, 75 minutes elsewhere. */
const hostTtl = seconds(120);
const serviceTtl = seconds(4500);

export function masterRecords(master: MasterFacts): readonly MdnsRecord[] {
  const instance = `${master.name}.${serviceType}`;
  const shared = { type: 'PTR', ttl: serviceTtl, unique: false } as const;
  return [
    ...hostRecords(master),
    { ...shared, name: serviceType, target: instance },
    { ...shared, name: serviceTypesName, target: serviceType },
    { type: 'SRV', name: instance, target: hostName(master), port: master.httpPort, ttl: hostTtl, unique: true },
    {
      type: 'TXT',
      name: instance,
      entries: [`version=${master.version}`, `state=${master.state}`],
      ttl: serviceTtl,
      unique: true,
    },
    ...master.boards.flatMap(hostRecords),
  ];
}

export const hostName = ({ name }: Host): string => `${name}.local`;

function hostRecords(host: Host): readonly MdnsRecord[] {
  const name = hostName(host);
  const reverse = `${host.address.split('.').reverse().join('.')}.in-addr.arpa`;
  return [
    { type: 'A', name, address: host.address, ttl: hostTtl, unique: true },
    { type: 'NSEC', name, types: ['A'], ttl: hostTtl, unique: true },
    { type: 'PTR', name: reverse, target: name, ttl: hostTtl, unique: true },
  ];
}

/** Names are compared in any case (RFC 6762 section 16); ours and those we care for are ASCII. */
export const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Equal for records that say the same, whatever their time to live. */
export function identity(record: MdnsRecord): string {
  return `${setOf(record)} ${dataOf(record)}`;
}

/** Name and type: what the cache-flush bit is about. */
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
