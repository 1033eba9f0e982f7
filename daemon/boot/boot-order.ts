/** BOOT_ORDER of a bootloader's configuration: read from right to left, a medium each (facts 6.1). Pure. */

const NETWORK = ['2', '7'];
const DISKS = ['1', '4', '5', '6'];

export type BootOrder = { readonly from: string; readonly to: string; readonly config: string };

/**
 * The configuration (`rpi-eeprom-config`) with the network behind the disks; all else stays as it is. Undefined if there is
 * nothing to change: the disk comes first already, there is no disk in it, or it is not written down at all (the default).
 */
export function diskFirst(config: string): BootOrder | undefined {
  const lines = config.split('\n');
  // Conditional sections ([gpio4=1] and the like) are somebody's own affair.
  if (lines.some((line) => /^\[(?!all\])/.test(line.trim()))) return undefined;
  const orders = lines.flatMap((line) => /^BOOT_ORDER=0x([0-9a-f]{1,8})\s*$/i.exec(line)?.[1] ?? []);
  const [order, ...more] = orders;
  if (order === undefined || more.length > 0) return undefined;
  const media = [...order.toLowerCase()].reverse();
  const lastDisk = media.findLastIndex((medium) => DISKS.includes(medium));
  const before = media.slice(0, lastDisk + 1);
  if (!before.some((medium) => NETWORK.includes(medium))) return undefined;
  const network = before.filter((medium) => NETWORK.includes(medium));
  const disks = before.filter((medium) => !NETWORK.includes(medium));
  const [from, to] = [
    `0x${order}`,
    `0x${[...disks, ...network, ...media.slice(lastDisk + 1)].reverse().join('')}`,
  ] as const;
  return { from, to, config: lines.map((line) => (/^BOOT_ORDER=/i.test(line) ? `BOOT_ORDER=${to}` : line)).join('\n') };
}
