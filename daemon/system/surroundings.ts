/** What the machine itself was told about its networks: interfaces, the way out, resolvers. */
import { readFile } from 'node:fs/promises';
import { type Ipv4, ipv4FromNumber, parseIpv4 } from '../../config/values.ts';
import { readInterfaces } from './interface.ts';
import type { NetworkInterface } from './interface-choice.ts';

export type Surroundings = {
  readonly interfaces: readonly NetworkInterface[];
  /** Best one first. */
  readonly defaultRoutes: readonly DefaultRoute[];
  /** Those that answer for the whole Internet, as far as the machine knows; none of them on this machine. */
  readonly resolvers: readonly Ipv4[];
};

export type DefaultRoute = { readonly interface: string; readonly gateway: Ipv4 };

/** resolv.conf(5), MAXNS. */
const resolversMost = 3;

export async function readSurroundings(): Promise<Surroundings> {
  const text = (file: string): Promise<string> => readFile(file, 'latin1').catch(() => '');
  const [interfaces, routes, resolvConf, upstream] = await Promise.all([
    readInterfaces(),
    text('/proc/net/route'),
    text('/etc/resolv.conf'),
    // What systemd-resolved asks itself, where resolv.conf names its stub.
    text('/run/systemd/resolve/resolv.conf'),
  ]);
  return { interfaces, defaultRoutes: parseDefaultRoutes(routes), resolvers: upstreamResolvers(resolvConf, upstream) };
}

/** `/proc/net/route` (proc(5)): addresses are in hex, their bytes backwards. */
export function parseDefaultRoutes(table: string): readonly DefaultRoute[] {
  const found: { readonly route: DefaultRoute; readonly metric: number }[] = [];
  for (const line of table.split('\n').slice(1)) {
    const [name = '', destination, gateway = '', flags = '', , , metric, mask] = line.trim().split(/\s+/);
    // RTF_UP and RTF_GATEWAY.
    const usable = (Number.parseInt(flags, 16) & 3) === 3;
    if (destination !== '00000000' || mask !== '00000000' || !usable || !/^[0-9A-F]{8}$/i.test(gateway)) continue;
    const address = ipv4FromNumber(Buffer.from(gateway, 'hex').readUInt32LE());
    found.push({ route: { interface: name, gateway: address }, metric: Number(metric) });
  }
  return found.toSorted((a, b) => a.metric - b.metric).map(({ route }) => route);
}

/** `upstream` counts where `resolvConf` names this machine itself. IPv4 only: boards are told nothing else. */
export function upstreamResolvers(resolvConf: string, upstream: string): readonly Ipv4[] {
  const own = nameservers(resolvConf);
  const asked = own.some(isLoopback) ? [...nameservers(upstream), ...own] : own;
  return asked.filter((address) => !isLoopback(address)).slice(0, resolversMost);
}

function nameservers(text: string): readonly Ipv4[] {
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)].flatMap(([, word = '']) => {
    const address = parseIpv4(word);
    return address.ok ? [address.value] : [];
  });
}

/** resolv.conf(5): 0.0.0.0 is this machine, too. */
const isLoopback = (address: Ipv4): boolean => address.startsWith('127.') || address === '0.0.0.0';
