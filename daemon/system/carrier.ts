/** Whether the cable of an interface was out, also for a moment that nobody looked. */
import { readFile } from 'node:fs/promises';

/** How often the carrier came or went since the interface is there; undefined if there is none. `sysfs` is for tests. */
export async function carrierChanges(name: string, sysfs = '/sys/class/net'): Promise<number | undefined> {
  const text = await readFile(`${sysfs}/${name}/carrier_changes`, 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}
