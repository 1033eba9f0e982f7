/** Which machines are on the LAN, by what the cache knows. Pure. */
import {
  type Hostname,
  type Ipv4,
  inSubnet,
  type Mac,
  parseHostname,
  parseMac,
  type Subnet,
} from '../../config/values.ts';
import type { Cache } from './cache.ts';
import type { MdnsQuestion } from './packet.ts';
import { type MdnsRecord, sshType } from './records.ts';

export type SeenHost = {
  readonly name: Hostname;
  readonly address: Ipv4;
  /** Only avahi with `publish-workstation` tells it: `NAME [MAC]`. Otherwise the neighbour table knows it by the address. */
  readonly mac?: Mac;
  /** It offers `_ssh._tcp`. */
  readonly ssh: boolean;
};

const workstationType = '_workstation._tcp.local';
const browsedTypes: readonly string[] = [sshType, '_sftp-ssh._tcp.local', workstationType];
/** Raspberry Pi OS and HypriotOS as they come: they offer no service, and were announced before we listened, perhaps. */
const factoryNames = ['raspberrypi.local', 'black-pearl.local'];

export const browsedQuestions: readonly MdnsQuestion[] = [
  ...browsedTypes.map((name) => ({ name, type: 'PTR', unicast: false })),
  ...factoryNames.map((name) => ({ name, type: 'A', unicast: false })),
];

/** What it needs: host addresses, the services above and where they are. */
export const isOfInterest = ({ type, name }: MdnsRecord): boolean => {
  const lower = name.toLowerCase();
  if (type === 'A') return /^[^.]+\.local$/.test(lower);
  if (type === 'PTR') return browsedTypes.includes(lower);
  return type === 'SRV' && browsedTypes.some((service) => lower.endsWith(`.${service}`));
};

/** By name and address; only those whose name is a host name and whose address is in the subnet. */
export function seenHosts(cache: Cache, subnet: Subnet | undefined): ReadonlyMap<string, SeenHost> {
  const macs = new Map<string, Mac>();
  const remote = new Set<string>();
  for (const { record } of cache.values()) {
    if (record.type !== 'SRV') continue;
    const target = record.target.toLowerCase();
    const mac = macOf(record.name);
    if (mac !== undefined) macs.set(target, mac);
    if (record.name.toLowerCase().endsWith(`.${sshType}`)) remote.add(target);
  }
  const hosts = new Map<string, SeenHost>();
  for (const { record } of cache.values()) {
    if (record.type !== 'A' || (subnet !== undefined && !inSubnet(subnet, record.address))) continue;
    const full = record.name.toLowerCase();
    const name = parseHostname(full.replace(/\.local$/, ''));
    if (!name.ok) continue;
    const mac = macs.get(full);
    const host = {
      name: name.value,
      address: record.address,
      ssh: remote.has(full),
      ...(mac !== undefined && { mac }),
    };
    hosts.set(`${full} ${record.address}`, host);
  }
  return hosts;
}

/** `raspberrypi [dc:a6:32:01:02:03]._workstation._tcp.local`. */
function macOf(instance: string): Mac | undefined {
  const [, text = ''] = /\[([0-9a-f:]{17})\]\._workstation\._tcp\.local$/i.exec(instance) ?? [];
  const mac = parseMac(text);
  return mac.ok ? mac.value : undefined;
}

export type SightingChanges = { readonly seen: readonly SeenHost[]; readonly gone: readonly SeenHost[] };

export function sightingChanges(
  before: ReadonlyMap<string, SeenHost>,
  now: ReadonlyMap<string, SeenHost>,
): SightingChanges {
  const same = (a: SeenHost | undefined, b: SeenHost): boolean => a !== undefined && a.mac === b.mac && a.ssh === b.ssh;
  return {
    seen: [...now].filter(([key, host]) => !same(before.get(key), host)).map(([, host]) => host),
    gone: [...before].filter(([key]) => !now.has(key)).map(([, host]) => host),
  };
}
