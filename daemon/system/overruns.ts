/** Datagrams that the kernel threw away because our socket's buffer was full: a flood that nobody here ever saw. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** By local port, for the open IPv4 UDP sockets of this process. Empty where /proc cannot be read. */
export async function readOverruns(): Promise<ReadonlyMap<number, number>> {
  try {
    const [table, own] = await Promise.all([readFile('/proc/self/net/udp', 'utf8'), ownInodes()]);
    return parseOverruns(table, own);
  } catch {
    return new Map();
  }
}

async function ownInodes(): Promise<ReadonlySet<string>> {
  const folder = '/proc/self/fd';
  const inodes = new Set<string>();
  for (const fd of await readdir(folder)) {
    // It may have been closed by now.
    const target = await readlink(join(folder, fd)).catch(() => '');
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

/** proc(5), /proc/net/udp: `local_address` is ADDRESS:PORT in hex, then come `inode` and, last, `drops`. */
export function parseOverruns(table: string, inodes: ReadonlySet<string>): ReadonlyMap<number, number> {
  const drops = new Map<number, number>();
  for (const line of table.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [, local = '', , , , , , , , inode = ''] = fields;
    const port = Number.parseInt(local.split(':')[1] ?? '', 16);
    const count = Number(fields.at(-1));
    if (!inodes.has(inode) || Number.isNaN(port) || !Number.isSafeInteger(count)) continue;
    drops.set(port, (drops.get(port) ?? 0) + count);
  }
  return drops;
}
