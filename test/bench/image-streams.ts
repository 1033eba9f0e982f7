/** One base, served to curl by our HTTP server and by nginx, from the same file, over the same switch. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Base } from '../../image-builder/index.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import { startProgram } from '../support/program.ts';
import { cpuMeter } from './cpu.ts';
import { type PeerPrograms, peerPrograms } from './peers.ts';
import { nodeOptions } from './tftp-servers.ts';

export type StreamName = 'bramble' | 'nginx';
export type StreamServer = {
  readonly name: StreamName;
  readonly command: readonly string[];
  readonly url: string;
  readonly sha256: string;
};
export type ImageStreams = {
  readonly servers: readonly StreamServer[];
  /** Starts the server and has so many clients fetch all of the base at once; MiB a second, all clients together. */
  readonly fetchAll: (server: StreamServer, clients: number) => Promise<{ speed: number; cpuPerGib: number }>;
  readonly close: () => Promise<void>;
};

const services = fileURLToPath(new URL('./services/main.ts', import.meta.url));
const address = '10.77.0.1';
const clientsMax = 10;

/** `data` holds `bases/` with `base` in it. Rejects if a server's bytes are not those of the base. */
export async function imageStreams(data: string, base: Base): Promise<ImageStreams> {
  const peers = await peerPrograms(['nginx']);
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: `${address}/24` });
    const clients = await lan.addHosts(
      Array.from({ length: clientsMax }, (_, at) => ({ name: `c${at}`, address: `10.77.0.${100 + at}/24` })),
    );
    const fetchAll = (server: StreamServer, count: number) =>
      withServer(server, { master, clients, env: peers.env }, async (cpu) => {
        const before = await cpu();
        const start = performance.now();
        await Promise.all(
          clients.slice(0, count).map((client) => mustRun(client, ['curl', '-fsS', '-o', '/dev/null', server.url])),
        );
        const seconds = (performance.now() - start) / 1000;
        const mebibytes = (count * base.bytes) / 2 ** 20;
        return { speed: mebibytes / seconds, cpuPerGib: ((await cpu()) - before) / (mebibytes / 1024) };
      });
    const servers: readonly StreamServer[] = [
      {
        name: 'bramble',
        command: [
          process.execPath,
          ...nodeOptions(),
          services,
          JSON.stringify({ address, prefix: 24, http: { data } }),
        ],
        url: `http://${address}:8067/v1/boot/base/${base.heldSha256}`,
        sha256: base.heldSha256,
      },
      {
        name: 'nginx',
        command: [await peers.find('nginx'), '-c', await nginxConfig(data, base, peers)],
        url: `http://${address}:8068/base.img`,
        sha256: base.sha256,
      },
    ];
    for (const server of servers) {
      await withServer(server, { master, clients, env: peers.env }, async () => {
        const summed = await mustRun(first(clients), [
          'bash',
          '-o',
          'pipefail',
          '-c',
          `curl -fsS ${server.url} | sha256sum`,
        ]);
        if (!summed.startsWith(server.sha256)) throw new Error(`${server.name} serves other bytes: ${summed}`);
      });
    }
    return { servers, fetchAll, close: lan.close };
  } catch (error) {
    await lan.close();
    throw error;
  }
}

/**
 * The configuration of the package (sendfile, tcp_nopush, a worker for each processor), with its files elsewhere, without
 * the log of requests, and in the foreground. The folder of the base is served; it is read from the same file as ours.
 */
async function nginxConfig(data: string, base: Base, peers: PeerPrograms): Promise<string> {
  const packaged = await readFile(await peers.find('etc/nginx/nginx.conf'), 'utf8');
  const own = join(data, 'nginx');
  await mkdir(own);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${own}/${name};`,
  );
  const site = `server { listen ${address}:8068; root ${base.directory}; }`;
  const config = packaged
    .replace(/^user .*$/m, 'user root;\ndaemon off;')
    .replace(/^include .*modules-enabled.*$/m, '')
    .replace(/^\s*include .*(conf\.d|sites-enabled).*$/gm, '')
    .replace(/access_log .*;/, `access_log off; ${temporary.join(' ')} ${site}`)
    .replace(/include \S*mime\.types;/, `include ${await peers.find('etc/nginx/mime.types')};`)
    .replace(/error_log .*;/, `error_log ${own}/error.log;`)
    .replace(/pid .*;/, `pid ${own}/pid;`);
  const file = join(own, 'nginx.conf');
  await writeFile(file, config);
  return file;
}

type Site = { readonly master: Host; readonly clients: readonly Host[]; readonly env: PeerPrograms['env'] };

async function withServer<T>(
  server: StreamServer,
  { master, clients, env }: Site,
  use: (cpuSeconds: () => Promise<number>) => Promise<T>,
): Promise<T> {
  const cpu = await cpuMeter();
  // From outside: `ip netns exec` hides the cgroups.
  const program = startProgram(cpu.inside(['ip', 'netns', 'exec', master.netns, ...server.command]), { env });
  try {
    const deadline = Date.now() + 20_000;
    // A closed port is told at once, so this does not wait in vain.
    for (;;) {
      const { code } = await first(clients).exec(['curl', '-fsS', '--head', '--max-time', '5', server.url]);
      if (code === 0) break;
      if (Date.now() > deadline) throw new Error(`${server.name} serves nothing: ${program.stderr()}`);
    }
    return await use(cpu.seconds);
  } finally {
    await program.kill();
    await cpu.remove();
  }
}

async function mustRun(host: Host, command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.exec(command, { deadlineMs: 300_000 });
  if (code !== 0) throw new Error(`${host.name}: ${command.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

function first<T>([item]: readonly T[]): T {
  if (item === undefined) throw new Error('none');
  return item;
}
