/** A real Kubernetes control plane for the lab: etcd, kube-apiserver, kube-controller-manager, kube-scheduler. */

import { execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ApiServer, ApiServerOptions } from './api-server.ts';
import type { BootstrapReport } from './bootstrap.ts';
import { type Child, commandLine, startChild, tail } from './child.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { makePki, type Pki } from './pki.ts';
import { type Ports, programs, usualPorts } from './programs.ts';

type ControlPlaneOptions = ApiServerOptions & {
  /** The folder with the four programs, as `.ci/control-plane` prints it. */
  readonly assets: string;
  readonly deadlineMs?: number;
};

/** The folder with the programs, if there is one; never builds. */
export async function findAssets(): Promise<string | undefined> {
  const script = fileURLToPath(new URL('../../../.ci/control-plane', import.meta.url));
  try {
    return (await promisify(execFile)(script, ['--cached'])).stdout.trim();
  } catch {
    return undefined;
  }
}

/** Settles when a Pod could be scheduled. If any step fails, what was started has ended by then. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ApiServer> {
  const { assets, directory, address, netns, signal, log } = options;
  const ports = await choosePorts(options);
  const server = `https://${address}:${ports.api}`;
  const access = await prepareAccess(directory, server, address);
  const site = { assets, directory, address, netns, ports, ...access };
  const { etcd, apiServer, controllerManager, scheduler } = programs(site);
  for (const { command } of [etcd, apiServer, controllerManager, scheduler]) accessSync(command, constants.X_OK);

  const closing = new AbortController();
  const lifetime = AbortSignal.any([signal, closing.signal]);
  const children: Child[] = [];
  const stop = async (): Promise<void> => {
    closing.abort();
    await Promise.all(children.map((child) => child.stop()));
  };
  const start = async (program: typeof etcd): Promise<void> => {
    const child = await startChild(program, lifetime);
    children.push(child);
    void child.ended.then((how) => {
      if (lifetime.aborted) return;
      const what = `${program.name} ended by itself (${how}):\n${tail(program.logFile)}`;
      log(what);
      failure.abort(new Error(what));
    });
  };
  const failure = new AbortController();

  try {
    const starting = AbortSignal.any([lifetime, failure.signal]);
    // The API server takes a second to reach the point where it wants etcd, and asks again if it is early.
    await Promise.all([start(etcd), start(apiServer)]);
    let version = '';
    const steps = bootstrap(access.adminKubeconfig, ports, netns, options.deadlineMs ?? 60_000, starting);
    for await (const report of steps) {
      version = report.version;
      if (report.step === 'api-ready') await Promise.all([start(controllerManager), start(scheduler)]);
    }
    log(`Kubernetes ${version} answers at ${server}`);
    const processes = children.map(({ name, pid }) => ({ name, pid }));
    return { server, version, caPem: access.pki.caPem, ...access, processes, stop };
  } catch (error) {
    await stop();
    throw failure.signal.aborted ? failure.signal.reason : error;
  }
}

async function* bootstrap(
  adminKubeconfig: string,
  ports: Ports,
  netns: string | undefined,
  deadlineMs: number,
  signal: AbortSignal,
): AsyncGenerator<BootstrapReport> {
  const script = fileURLToPath(new URL('bootstrap.ts', import.meta.url));
  const args = [script, adminKubeconfig, String(ports.scheduler), String(deadlineMs)];
  const [command = '', ...rest] = commandLine({ command: process.execPath, args, netns });
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  ended.catch(() => undefined);
  for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as BootstrapReport;
  if ((await ended) !== 0) throw new Error(`the control plane did not start:\n${errors.slice(-2000)}`);
}

type Access = {
  readonly pki: Pki;
  readonly tokenFile: string;
  readonly adminKubeconfig: string;
  readonly adminToken: string;
  readonly daemonKubeconfig: string;
  readonly daemonToken: string;
};

/** Keys, the token file and the two kubeconfigs. An earlier start's are kept. */
export async function prepareAccess(directory: string, server: string, address: string): Promise<Access> {
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', '127.0.0.1', '10.43.0.1'];
  await mkdir(directory, { recursive: true });
  const pki = await makePki(join(directory, 'pki'), [...names, address]);
  const tokenFile = join(directory, 'tokens.csv');
  const newToken = (): string => randomBytes(16).toString('hex');
  if (!existsSync(tokenFile)) {
    const lines = [`${newToken()},lab-admin,lab-admin,"system:masters"`, `${newToken()},bramble,bramble,""`];
    await writeFile(tokenFile, `${lines.join('\n')}\n`, { mode: 0o600 });
  }
  const [adminToken = '', daemonToken = ''] = (await readFile(tokenFile, 'utf8'))
    .split('\n')
    .map((line) => line.slice(0, 32));
  const write = async (name: string, token: string): Promise<string> => {
    const file = join(directory, `${name}.kubeconfig`);
    await writeFile(file, renderKubeconfig(server, pki.caPem, { name, credentials: { token } }), { mode: 0o600 });
    return file;
  };
  const [adminKubeconfig, daemonKubeconfig] = [
    await write('lab-admin', adminToken),
    await write('bramble', daemonToken),
  ];
  return { pki, tokenFile, adminKubeconfig, adminToken, daemonKubeconfig, daemonToken };
}

/** A namespace of its own has the usual ports; the machine's own may have them taken. */
async function choosePorts({ netns, port = usualPorts.api }: ApiServerOptions): Promise<Ports> {
  if (netns !== undefined) return { ...usualPorts, api: port || usualPorts.api };
  const [api = 0, etcd = 0, etcdPeer = 0, controllerManager = 0, scheduler = 0] = await freePorts(5);
  return { api: port || api, etcd, etcdPeer, controllerManager, scheduler };
}

/**
 * All held open at once, so that no port comes twice. Below what Linux gives to connections (`ip_local_port_range`): one of those
 * might have the port by the time that it is wanted.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const server = createServer();
    const port = randomInt(20_000, 32_000);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    if (!(await promise)) continue;
    servers.push(server);
    ports.push(port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
