/** A switch with machines on it, in network namespaces: real sockets and real clients, nothing outside is touched. */
import { execFile, execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  type ExecOptions,
  type Finished,
  finish,
  killNow,
  type Running,
  type SpawnOptions,
  startProgram,
} from './program.ts';

const insidePiScript = fileURLToPath(new URL('./inside-pi.sh', import.meta.url));

export type Host = {
  readonly name: string;
  readonly netns: string;
  /** Runs a program in the host's network to its end; SIGKILL at the deadline (default 30 s, code 137). */
  readonly exec: (args: readonly string[], options?: ExecOptions) => Promise<Finished>;
  readonly spawn: (args: readonly string[], options?: SpawnOptions) => Running;
  /** The same with private /etc, /var and /run and the host's name: for all that writes there, as DHCP clients do. */
  readonly inside: {
    readonly exec: (args: readonly string[], options?: ExecOptions) => Promise<Finished>;
    readonly spawn: (args: readonly string[], options?: SpawnOptions) => Running;
  };
};
export type HostSpec = {
  readonly name: string;
  /** Default: one that the kernel makes up. */
  readonly mac?: string;
  /** With prefix length: `10.77.0.1/24`. */
  readonly address?: string;
  /** Default `eth0`. */
  readonly interface?: string;
  /** Plugs a second interface into a host that is there already, of this or another LAN. */
  readonly into?: Host;
};

export type Lan = {
  /** The namespace of the bridge `br0`. */
  readonly netns: string;
  readonly addHost: (spec: HostSpec) => Promise<Host>;
  /** As `addHost`, many at once: one `ip` for all links. */
  readonly addHosts: (specs: readonly HostSpec[]) => Promise<Host[]>;
  readonly removeHost: (host: Host) => Promise<void>;
  /** Pulls or plugs the host's cable: it sees the carrier go or come. */
  readonly setLink: (host: Host, link: 'up' | 'down') => Promise<void>;
  /** Hosts that are isolated do not hear each other, only the others. */
  readonly isolate: (hosts: readonly Host[]) => Promise<void>;
  /** Ends every program that was started here, then deletes every namespace. May be called again. */
  readonly close: () => Promise<void>;
};

/** Programs that were started through this file and still run. */
type Programs = Set<Running>;

/**
 * `prefix` names the namespaces (`PREFIX-lan`, `PREFIX-NAME`): make it unique for the run, as with `runPrefix`. All is gone
 * when `close` was called, `signal` was aborted or the process ended by itself. Needs root.
 */
export async function makeLan({ prefix, signal }: { prefix: string; signal: AbortSignal }): Promise<Lan> {
  signal.throwIfAborted();
  const netns = `${prefix}-lan`;
  const made = new Set<string>([netns]);
  const programs: Programs = new Set();
  const ports = new Map<string, string>();
  let nextPort = 0;

  // The last resort, when a test process ends without having closed.
  const onExit = (): void => {
    for (const program of programs) killNow(program.pid);
    for (const name of made) {
      for (const pid of pidsNow(name)) killNow(pid);
      deleteNow(name);
    }
  };
  unclosed.add(onExit);

  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    await Promise.all(Array.from(programs, (program) => program.kill()));
    await Promise.all(Array.from(made, killStragglers));
    const names = [...made];
    made.clear();
    await batch(
      undefined,
      names.map((name) => `netns del ${name}`),
      { force: true },
    );
    unclosed.delete(onExit);
  };
  const close = (): Promise<void> => {
    closing ??= closeAll();
    return closing;
  };
  signal.addEventListener('abort', () => void close(), { once: true });

  const addHosts = async (specs: readonly HostSpec[]): Promise<Host[]> => {
    const plugs = specs.map((spec) => {
      const host = spec.into ?? hostIn(spec.name, `${prefix}-${spec.name}`, programs);
      const port = `p${nextPort++}`;
      ports.set(host.netns, port);
      if (spec.into === undefined) made.add(host.netns);
      return { spec, host, port, device: spec.interface ?? 'eth0' };
    });
    await batch(
      undefined,
      plugs.flatMap(({ spec, host, port, device }) => [
        ...(spec.into === undefined ? [`netns add ${host.netns}`] : []),
        `link add ${device} netns ${host.netns} ${spec.mac === undefined ? '' : `address ${spec.mac}`} type veth peer name ${port} netns ${netns}`,
      ]),
    );
    await batch(
      netns,
      plugs.map(({ port }) => `link set ${port} master br0 up`),
    );
    await Promise.all(
      plugs.map(({ spec, host, device }) =>
        batch(host.netns, [
          ...(spec.into === undefined ? ['link set lo up'] : []),
          ...(spec.address === undefined ? [] : [`addr add ${spec.address} dev ${device}`]),
          `link set ${device} up`,
        ]),
      ),
    );
    return plugs.map(({ host }) => host);
  };

  const portOf = (host: Host): string => {
    const port = ports.get(host.netns);
    if (port === undefined) throw new Error(`${host.name} is not on this LAN`);
    return port;
  };

  await batch(undefined, [`netns add ${netns}`]);
  await batch(netns, [
    'link set lo up',
    // No spanning tree and no snooping: a switch that forwards from the first packet on.
    'link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
    'link set br0 up',
  ]);
  return {
    netns,
    addHosts,
    addHost: async (spec) => {
      const [host] = await addHosts([spec]);
      if (host === undefined) throw new Error('no host was made');
      return host;
    },
    removeHost: async (host) => {
      await Promise.all(
        Array.from(programs, (program) => (inNetns.get(program) === host.netns ? program.kill() : undefined)),
      );
      await killStragglers(host.netns);
      made.delete(host.netns);
      await batch(undefined, [`netns del ${host.netns}`], { force: true });
    },
    setLink: (host, link) => batch(netns, [`link set ${portOf(host)} ${link}`]),
    isolate: (hosts) =>
      batch(
        netns,
        hosts.map((host) => `link set ${portOf(host)} type bridge_slave isolated on`),
      ),
    close,
  };
}

/** What is still there when the process ends. One listener for all: Node warns of more than ten. */
const unclosed = new Set<() => void>();
const cleanUp = (): void => {
  for (const clean of unclosed) clean();
};
process.once('exit', cleanUp);
// A signal ends the process without that event. Who listens for it, too, ends in his own way.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
  });
}
// Whoever runs the tests is gone (ava ends at once on SIGTERM), and nobody would hear how this one ends.
process.once('disconnect', () => {
  cleanUp();
  process.kill(process.pid, 'SIGKILL');
});

let lans = 0;
/** A prefix that no other run and no other call has. */
export const runPrefix = (): string => `br${process.pid}-${lans++}`;

/** Where a program was started, so that a removed host takes its own along. */
const inNetns = new WeakMap<Running, string>();

function hostIn(name: string, netns: string, programs: Programs): Host {
  const start = (command: readonly string[], options: SpawnOptions = {}): Running => {
    const program = startProgram(command, options, () => programs.delete(program));
    programs.add(program);
    inNetns.set(program, netns);
    return program;
  };
  const plain = (args: readonly string[]): string[] => ['ip', 'netns', 'exec', netns, ...args];
  const inside = (args: readonly string[]): string[] => [insidePiScript, name, netns, ...args];
  return {
    name,
    netns,
    exec: (args, options) => finish(start(plain(args), options), options),
    spawn: (args, options) => start(plain(args), options),
    inside: {
      exec: (args, options) => finish(start(inside(args), options), options),
      spawn: (args, options) => start(inside(args), options),
    },
  };
}

/** What programs left behind: dhcpcd's helpers outlive it. Whoever is in a namespace that we made, we started. */
async function killStragglers(netns: string): Promise<void> {
  const { stdout } = await finish(startProgram(['ip', 'netns', 'pids', netns]));
  for (const pid of stdout.split('\n')) killNow(Number(pid));
}

function pidsNow(netns: string): number[] {
  try {
    return execFileSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' }).split('\n').map(Number);
  } catch {
    return [];
  }
}

function deleteNow(netns: string): void {
  try {
    execFileSync('ip', ['netns', 'del', netns], { stdio: 'ignore' });
  } catch {
    // It is gone already.
  }
}

/** One `ip` process for many commands, inside a namespace if one is named. */
function batch(netns: string | undefined, lines: readonly string[], { force = false } = {}): Promise<void> {
  if (lines.length === 0) return Promise.resolve();
  const args = [...(netns === undefined ? [] : ['-n', netns]), ...(force ? ['-force'] : []), '-batch', '-'];
  return new Promise((resolve, reject) => {
    const child = execFile('ip', args, { timeout: 60_000 }, (error, _stdout, stderr) => {
      if (error === null || force) resolve();
      else reject(new Error(`ip ${args.join(' ')}: ${stderr}\n${lines.join('\n')}`));
    });
    child.stdin?.end(`${lines.join('\n')}\n`);
  });
}
