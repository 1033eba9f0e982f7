/** The real `brambled` in the lab's master namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type Client, openClient } from '../../cli/client.ts';
import { baseNames } from './disks.ts';

const program = fileURLToPath(new URL('../../daemon/main.ts', import.meta.url));
const launcher = fileURLToPath(new URL('../../daemon/launcher', import.meta.url));

export type DaemonOptions = {
  readonly netns: string;
  /** Of this lab: configuration, log and socket go there, the data below it. */
  readonly directory: string;
  readonly kubeconfig: string;
  /** `topology`, `uplink`, `addresses`, `dhcp` of bramble.yaml. */
  readonly network: Readonly<Record<string, unknown>>;
  /** `images` of bramble.yaml, beside what the lab's own boards run. */
  readonly images?: Readonly<Record<string, unknown>>;
  /** `admission` of bramble.yaml. */
  readonly admission?: Readonly<Record<string, unknown>>;
  /** `failover`, `balance`, `power` of bramble.yaml. */
  readonly keeping?: Readonly<Record<string, unknown>>;
  /** Where `bramble-gateway` answers. */
  readonly gatewaySocket: string;
  readonly signal: AbortSignal;
};

export type Daemon = {
  readonly client: Client;
  readonly dataDirectory: string;
  readonly start: () => Promise<void>;
  /** Settles once the process has ended. */
  readonly stop: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>;
  readonly pid: () => number | undefined;
  /** Its last words, for a person. */
  readonly lastLines: () => Promise<string>;
};

export const httpPort = 8067;
const startMillis = 30_000;

export async function prepareDaemon(options: DaemonOptions): Promise<Daemon> {
  const { directory, netns, signal } = options;
  const [config, log, socket] = ['bramble.yaml', 'brambled.log', 'brambled.sock'].map((name) => join(directory, name));
  const dataDirectory = join(directory, 'data');
  if (config === undefined || log === undefined || socket === undefined) throw new Error('unreachable');
  const settings = {
    interface: 'eth0',
    ...options.network,
    images: {
      default: baseNames['cloud-init'],
      models: { pi3: baseNames['device-init'] },
      kit: baseNames['cloud-init'],
      ...options.images,
    },
    cluster: { driver: 'kubeadm', kubeconfig: options.kubeconfig },
    ...(options.admission !== undefined && { admission: options.admission }),
    ...options.keeping,
    http: { port: httpPort },
    data: dataDirectory,
    socket,
    log: { level: 'debug' },
  };
  await writeFile(config, stringify(settings));
  let child: ChildProcess | undefined;
  let ended: Promise<number> = Promise.resolve(0);
  const client = openClient({ socket, timeoutMs: 10_000, signal });
  const lastLines = async (): Promise<string> =>
    (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-30).join('\n');

  async function start(): Promise<void> {
    const inside = ['netns', 'exec', netns, launcher, 'eth0', 'udp:67,udp:68,udp:69,udp:5353', '--'];
    const started = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'ip', ...inside, process.execPath, program, '--config', config ?? ''],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, BRAMBLE_GATEWAY: options.gatewaySocket },
      },
    );
    child = started;
    const output = createWriteStream(log ?? '', { flags: 'a' });
    started.stdout.pipe(output, { end: false });
    started.stderr.pipe(output, { end: false });
    ended = new Promise((resolve) => {
      started.once('error', () => resolve(127));
      started.once('close', (code) => {
        output.end();
        resolve(code ?? 128);
      });
    });
    const over = ended.then((code) => {
      child = undefined;
      return code;
    });
    const deadline = Date.now() + startMillis;
    for (;;) {
      signal.throwIfAborted();
      if (existsSync(socket ?? '') && (await isReady(socket ?? ''))) return;
      const code = await Promise.race([over, sleep(50, undefined, { signal }).then(() => undefined)]);
      if (code !== undefined) throw new Error(`brambled ended with ${code}:\n${await lastLines()}`);
      if (Date.now() > deadline) throw new Error(`brambled does not answer:\n${await lastLines()}`);
    }
  }

  async function stop(how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    child?.kill(how);
    const patience = setTimeout(() => child?.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(patience);
  }

  return { client, dataDirectory, start, stop, pid: () => child?.pid, lastLines };
}

/** `GET /readyz` over its socket: all sockets are bound. A board that asked before would wait for its next try. */
const isReady = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    request({ socketPath, path: '/readyz', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on('error', () => resolve(false))
      .end();
  });
