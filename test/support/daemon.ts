/** The real daemon behind its launcher on a LAN of the run: full DHCP, for good, as the owner confirmed it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '../../cli/client.ts';
import type { Host } from './netns.ts';
import type { Running } from './program.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
export const launcher = file('../../daemon/launcher');
const commandLine = file('../../cli/main.ts');

export type Daemon = {
  readonly program: Running;
  readonly client: Client;
  /** Bytes of the heap that are in use, after a collection. */
  readonly heapInUse: () => Promise<number>;
  /** `bramble` with these arguments; its output. */
  readonly bramble: (...args: readonly string[]) => Promise<string>;
};

/** Settles when it serves. `addresses` is the range of the boards; `config` is laid over what is set here. */
export async function startDaemon(
  master: Host,
  folder: string,
  addresses: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Daemon> {
  const socket = join(folder, 'sock');
  const settings = {
    ...{ interface: 'eth0', topology: 'behind-master', addresses, dhcp: { mode: 'full', search: 0 } },
    ...{ log: { level: 'debug' }, data: join(folder, 'data'), socket },
    ...config,
  };
  const path = join(folder, 'bramble.yaml');
  await writeFile(path, JSON.stringify(settings));
  const collecting = ['--expose-gc', '--import', file('./collector/main.ts')];
  const command = [process.execPath, ...collecting, file('../../daemon/main.ts'), '--config', path];
  const program = master.spawn([launcher, 'eth0', 'udp:67,udp:68,udp:69,udp:5353', '--', ...command]);
  for (const service of ['dhcp', 'tftp', 'http']) {
    await program.waitFor(new RegExp(`"service is up","service":"${service}"`), 60_000);
  }
  const bramble = async (...args: readonly string[]) =>
    (await master.exec([process.execPath, commandLine, '--socket', socket, ...args])).stdout;
  const client = openClient({ socket, timeoutMs: 20_000, signal: new AbortController().signal });
  const heapInUse = async (): Promise<number> => {
    process.kill(program.pid, 'SIGUSR2');
    // Its loop runs the collection before it answers what comes after the signal.
    await client.status();
    const { stdout } = await master.exec(['curl', '-s', '--unix-socket', socket, 'http://brambled/metrics']);
    return Number(/^nodejs_heap_size_used_bytes (\S+)$/m.exec(stdout)?.[1]);
  };
  return { program, client, heapInUse, bramble };
}
