/** Which hardware address answers for an IPv4 address on our own links, as the kernel knows it. */
import { readFile } from 'node:fs/promises';
import { type Ipv4, type Mac, parseMac } from '../../config/values.ts';

/**
 * Undefined if the kernel does not know, which for somebody who has a TCP connection to us means: not on our link. The file
 * is that of the process's own network namespace (arp(7)); `file` is for tests.
 */
export async function hardwareAddressOf(address: Ipv4, file = '/proc/net/arp'): Promise<Mac | undefined> {
  const table = await readFile(file, 'latin1').catch(() => '');
  for (const line of table.split('\n').slice(1)) {
    // IP address, HW type, flags, HW address, mask, device. Flag 2: complete; without it the hardware address is zeros.
    const [ip, , flags, mac = ''] = line.split(/\s+/);
    if (ip !== address || (Number(flags) & 2) === 0) continue;
    const parsed = parseMac(mac);
    return parsed.ok ? parsed.value : undefined;
  }
  return undefined;
}
