/** Which ports of this machine somebody has, as the kernel's tables tell (proc(5), `/proc/net`). Pure. */
export type Transport = 'udp' | 'tcp';

export type OpenPort = {
  readonly transport: Transport;
  readonly port: number;
  /** Of the user that opened it. */
  readonly uid: number;
  /** What the links in `/proc/PID/fd` say: `socket:[inode]`. */
  readonly inode: number;
};

/** Programs by the sockets that they hold; empty for what only root may see. */
export type Holders = ReadonlyMap<number, readonly string[]>;

/** TCP_LISTEN, and TCP_CLOSE as the table of UDP shows a socket without a peer. */
const waiting: Readonly<Record<Transport, string>> = { tcp: '0A', udp: '07' };

/** `/proc/net/udp`, `tcp`, and those with a 6: who waits for anybody. What is no such line is passed over. */
export function parseOpenPorts(table: string, transport: Transport): readonly OpenPort[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const port = /^(?:[0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/i.exec(local)?.[1];
    if (port === undefined || state !== waiting[transport]) return [];
    return [{ transport, port: Number.parseInt(port, 16), uid: Number(uid), inode: Number(inode) }];
  });
}

/** Programs as people know them: `brambled` and not the `node` that runs it. `commandLine` has its words apart by NUL. */
export function programName(commandLine: string, comm: string): string {
  const words = commandLine.split('\0').filter((word) => word !== '');
  const isDaemon = words.some((word) => /(^|\/)(brambled(\.js)?|daemon\/main\.ts)$/.test(word));
  return isDaemon ? 'brambled' : comm.trim();
}
