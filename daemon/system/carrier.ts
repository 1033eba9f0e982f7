/** The cable of an interface: whether it is in, and whether it was out for a moment that nobody looked. `sysfs` is for tests. */
import { readFile } from 'node:fs/promises';

const netClass = '/sys/class/net';
const read = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

/** How often the carrier came or went since the interface is there; undefined if there is none. */
export async function carrierChanges(name: string, sysfs = netClass): Promise<number | undefined> {
  const text = await read(`${sysfs}/${name}/carrier_changes`);
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** Undefined if the interface is not there, or is down: then the kernel does not say. */
export async function hasCarrier(name: string, sysfs = netClass): Promise<boolean | undefined> {
  const text = (await read(`${sysfs}/${name}/carrier`)).trim();
  return text === '1' ? true : text === '0' ? false : undefined;
}
