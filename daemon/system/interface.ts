/** Reads which network interfaces there are. What is chosen among them is decided in interface-choice.ts. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { parseIpv4, parseMac } from '../../config/values.ts';
import type { InterfaceAddress, InterfaceKind, NetworkInterface } from './interface-choice.ts';

/** Sorted by name. `sysfs` is for tests. */
export async function readInterfaces(sysfs = '/sys/class/net'): Promise<readonly NetworkInterface[]> {
  const addressed = networkInterfaces();
  // sysfs also knows those without an address. In a network namespace that did not mount its own, it shows the
  // interfaces of another one: without addresses they can only turn up in a hint.
  const listed = await readdir(sysfs).catch((): string[] => []);
  const names = [...new Set([...Object.keys(addressed), ...listed])].sort((a, b) => (a < b ? -1 : 1));
  const read = await Promise.all(names.map((name) => readInterface(`${sysfs}/${name}`, name, addressed[name] ?? [])));
  return read.filter((found) => found !== undefined);
}

async function readInterface(
  folder: string,
  name: string,
  infos: readonly NetworkInterfaceInfo[],
): Promise<NetworkInterface | undefined> {
  const text = (file: string) => readFile(`${folder}/${file}`, 'utf8').then(trimmed, () => undefined);
  const mac = parseMac(infos[0]?.mac ?? (await text('address')) ?? '');
  if (!mac.ok) return undefined;
  // `carrier` cannot be read while the interface is down; without sysfs, an address is only listed if it is running.
  const carrier = await text('carrier');
  const index = Number(await text('ifindex'));
  return {
    name,
    ...(Number.isSafeInteger(index) && { index }),
    mac: mac.value,
    addresses: infos.flatMap(addressOf),
    carrier: carrier === undefined ? infos.length > 0 && (await text('operstate')) !== 'down' : carrier === '1',
    kind: infos[0]?.internal === true || name === 'lo' ? 'loopback' : await kindOf(folder),
  };
}

const trimmed = (text: string): string => text.trim();

async function kindOf(folder: string): Promise<InterfaceKind> {
  const has = (file: string) =>
    stat(`${folder}/${file}`).then(
      () => true,
      () => false,
    );
  if ((await has('wireless')) || (await has('phy80211'))) return 'wireless';
  if (await has('device')) return 'wired';
  // Bridges and tunnels that container networks make; never where boards are plugged in by themselves.
  if ((await has('bridge')) || (await has('tun_flags')) || (await has('brport'))) return 'bridged';
  return 'virtual';
}

function addressOf(info: NetworkInterfaceInfo): InterfaceAddress[] {
  const address = parseIpv4(info.address);
  const prefix = Number(info.cidr?.split('/')[1]);
  return info.family === 'IPv4' && address.ok ? [{ address: address.value, prefix: prefix || 32 }] : [];
}
