/**
 * TFTP against dnsmasq, tftpd-hpa and atftpd, one after the other on the same switch. Every file that was fetched is
 * compared. Clients and server share the processors: only the ratios mean something.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import type { CpuMeter } from './cpu.ts';
import { type BenchResult, median } from './result.ts';
import { type ServerName, type TftpServerUnderTest, tftpServers } from './tftp-servers.ts';

const address = '10.77.0.1';
const mebibyte = 2 ** 20;
/** Random, so that no two blocks are alike. */
const files = { ready: 512, one: 64 * mebibyte, lossy: 4 * mebibyte, each: 16 * mebibyte };
/** About what a Pi 4 fetches: a kernel, an initramfs, the firmware, and many small ones. */
const boardFiles = [12, 8, ...Array<number>(8).fill(1), ...Array<number>(15).fill(0.1)].map((mib) =>
  Math.floor(mib * mebibyte),
);
const boards = 100;

const cells = [
  'clients20-blk1468-win1',
  'clients1-blk1468-win16',
  'clients1-blk1468-win16-loss1',
  'cpu-per-gib',
  'storm100-slowest-over-fastest',
] as const;
type Cell = (typeof cells)[number];
type Figures = Record<Cell, number>;
const units: Record<Cell, Pick<BenchResult, 'unit' | 'better'>> = {
  'clients20-blk1468-win1': { unit: 'MiB/s', better: 'higher' },
  'clients1-blk1468-win16': { unit: 'MiB/s', better: 'higher' },
  'clients1-blk1468-win16-loss1': { unit: 'MiB/s', better: 'higher' },
  'cpu-per-gib': { unit: 's', better: 'lower' },
  'storm100-slowest-over-fastest': { unit: '', better: 'lower' },
};

type Site = { readonly folder: string; readonly clients: readonly Host[]; readonly lossy: Host };

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-tftp-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    await writeFiles(folder);
    const master = await lan.addHost({ name: 'master', address: `${address}/24` });
    const clients = await lan.addHosts(
      Array.from({ length: boards }, (_, at) => ({ name: `c${at}`, address: `10.77.0.${100 + at}/24` })),
    );
    const lossy = await lan.addHost({ name: 'lossy', address: '10.77.0.2/24' });
    await mustRun(lossy, 'iptables -A INPUT -p udp -m statistic --mode random --probability 0.01 -j DROP'.split(' '));
    const site: Site = { folder, clients, lossy };
    const servers = await tftpServers({ master, client: first(clients), address, folder, ready: 'ready' });
    const figures = new Map<ServerName, Figures[]>(servers.map(({ name }) => [name, []]));
    for (let run = 1; run <= runs; run++) {
      for (const server of servers) {
        const measured = await measure(server, site);
        figures.get(server.name)?.push(measured);
        say(`run ${run}, ${server.name}: ${describe(measured)}; load ${loadavg()[0]?.toFixed(1)}`);
      }
    }
    return cells.map((name) => {
      const of = (server: ServerName): number => median((figures.get(server) ?? []).map((one) => one[name]));
      const peers = { dnsmasq: of('dnsmasq'), 'tftpd-hpa': of('tftpd-hpa'), atftpd: of('atftpd') };
      return { name, ...units[name], ours: of('bramble'), peers };
    });
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const describe = (figures: Figures): string =>
  cells.map((name) => `${name} ${figures[name].toPrecision(3)} ${units[name].unit}`.trimEnd()).join(', ');

async function measure(server: TftpServerUnderTest, site: Site): Promise<Figures> {
  const { cpu, stop } = await server.start();
  try {
    const twenty = await twentyClients(site, cpu);
    const one = await windowed(first(site.clients), site.folder, 'one');
    const loss = await windowed(site.lossy, site.folder, 'lossy');
    const storm = await bootStorm(site);
    return {
      'clients20-blk1468-win1': twenty.speed,
      'clients1-blk1468-win16': one,
      'clients1-blk1468-win16-loss1': loss,
      'cpu-per-gib': twenty.cpuPerGib,
      'storm100-slowest-over-fastest': storm,
    };
  } finally {
    await stop();
  }
}

async function twentyClients({ clients, folder }: Site, cpu: CpuMeter) {
  const twenty = clients.slice(0, 20);
  const cpuBefore = await cpu.seconds();
  const seconds = await timed(() => Promise.all(twenty.map((client) => fetchCompared(client, folder, ['each']))));
  const mib = (twenty.length * files.each) / mebibyte;
  return { speed: mib / seconds, cpuPerGib: ((await cpu.seconds()) - cpuBefore) / (mib / 1024) };
}

/** One client that offers a window of 16 blocks; a server that knows no windows goes on without. */
async function windowed(client: Host, folder: string, file: 'one' | 'lossy'): Promise<number> {
  const got = join(folder, `got-${file}`);
  const options = ['--option', 'blksize 1468', '--option', 'windowsize 16'];
  const fetch = ['atftp', ...options, '-g', '-r', file, '-l', got, address];
  const seconds = await timed(() => mustRun(client, fetch));
  await mustRun(client, ['cmp', got, join(folder, file)]);
  await rm(got);
  return files[file] / mebibyte / seconds;
}

/** All boards at once, each its files one after another. */
async function bootStorm({ clients, folder }: Site): Promise<number> {
  const names = boardFiles.map((_, at) => `board/${at}`);
  const seconds = await Promise.all(clients.map((client) => timed(() => fetchCompared(client, folder, names))));
  return Math.max(...seconds) / Math.min(...seconds);
}

/** Compared as they come in: nothing is stored. */
async function fetchCompared(client: Host, folder: string, names: readonly string[]): Promise<void> {
  const urls = names.map((name) => `tftp://${address}/${name}`).join(' ');
  const originals = names.map((name) => join(folder, name)).join(' ');
  const fetch = `curl -sS --tftp-blksize 1468 ${urls} | cmp - <(cat ${originals})`;
  await mustRun(client, ['bash', '-o', 'pipefail', '-c', fetch]);
}

async function writeFiles(folder: string): Promise<void> {
  for (const [name, size] of Object.entries(files)) await writeFile(join(folder, name), randomBytes(size));
  await mkdir(join(folder, 'board'));
  for (const [at, size] of boardFiles.entries()) await writeFile(join(folder, 'board', `${at}`), randomBytes(size));
}

async function mustRun(host: Host, command: readonly string[]): Promise<void> {
  const { code, stderr } = await host.exec(command, { deadlineMs: 400_000 });
  if (code !== 0) throw new Error(`${host.name}: ${command.join(' ')} ended with ${code}: ${stderr}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function first<T>([item]: readonly T[]): T {
  if (item === undefined) throw new Error('none');
  return item;
}
