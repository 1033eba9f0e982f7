/** Whether a server of this machine can be reached from outside: read, because a connection would be in that server's log. */
import { readFile } from 'node:fs/promises';

/** As the kernel writes them (proc_net_tcp(5)): 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104, each 32 bits in host order. */
const loopback = /^(?:[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;
const listenState = '0A';

/** Pure. Of `/proc/net/tcp` or `tcp6`: is there a listener on this port that is not for this machine alone? */
export function isListening(table: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').some((line) => {
    // Number, local address and port, remote ones, state.
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', at] = local.split(':');
    return state === listenState && at === wanted && !loopback.test(address);
  });
}

/** In this process's own network namespace. */
export async function isPortServed(port: number): Promise<boolean> {
  const files = ['/proc/net/tcp', '/proc/net/tcp6'];
  const tables = await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
  return tables.some((table) => isListening(table, port));
}
