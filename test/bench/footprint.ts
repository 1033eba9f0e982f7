/**
 * What the packed daemon costs the machine it runs on: from its start until DHCP, TFTP, HTTP and the command line are answered,
 * and over five minutes at rest with a cluster that it watches. Processor time is that
 * of everything it started, too; bytes are those that reached the block layer, from a file system of their own on a loop device.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findAssets, startControlPlane } from '../lab/control-plane/start.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import { finish, type Running, startProgram } from '../support/program.ts';
import { cpuMeter } from './cpu.ts';
import { type BenchResult, median } from './result.ts';

const build = fileURLToPath(new URL('../../.ci/build.ts', import.meta.url));
const services = ['dhcp', 'tftp', 'http', 'admin'];
/** Lists are read and thrown away, the address is announced: that is not rest yet. */
const SETTLES_MS = 60_000;
const RESTS_MS = Number(process.env['FOOTPRINT_REST_S'] ?? 300) * 1000;
const IMAGE_BYTES = 64 * 2 ** 20;

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-footprint-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const lib = await packed(folder);
    const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
    closing.push(lan.close);
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
    const kubeconfig = await controlPlane(folder, master, closing);
    const data = join(folder, 'data');
    const device = await ownFileSystem(folder, data, closing);
    const config = join(folder, 'bramble.yaml');
    const socket = join(folder, 'sock');
    const network = { interface: 'eth0', topology: 'behind-master', dhcp: { mode: 'full', search: 0 } };
    const text = { ...network, data, socket, log: { level: 'debug' } };
    await writeFile(config, JSON.stringify({ ...text, ...(kubeconfig !== undefined && { cluster: { kubeconfig } }) }));

    const meter = await cpuMeter();
    closing.push(meter.remove);
    // The other way round, `ip netns` would have hidden the cgroup.
    const command = ['ip', 'netns', 'exec', master.netns, join(lib, 'start'), '--config', config];
    const start = (): Running => startProgram(meter.inside(command));
    const starts: number[] = [];
    // The first one makes the database and the keys: that is no start as the others.
    for (let run = 0; run <= runs; run += 1) {
      const daemon = start();
      const took = await timeToServe(daemon);
      say(`start ${run === 0 ? '(the very first)' : run}: ${took.toFixed(0)} ms`);
      if (run > 0) starts.push(took);
      await daemon.kill();
    }

    const daemon = start();
    closing.push(daemon.kill);
    await timeToServe(daemon);
    await sleep(SETTLES_MS);
    const before = { cpu: await meter.seconds(), written: await writtenTo(device), at: performance.now() };
    const memory: number[] = [];
    const until = before.at + RESTS_MS;
    while (performance.now() < until) {
      memory.push(await residentMebibytes(daemon.pid));
      await sleep(Math.min(10_000, Math.max(0, until - performance.now())));
    }
    const seconds = (performance.now() - before.at) / 1000;
    const cpu = ((await meter.seconds()) - before.cpu) / seconds;
    const written = (await writtenTo(device)) - before.written;
    say(
      `${seconds.toFixed(0)} s at rest${kubeconfig === undefined ? ', without a cluster (there is none on this machine)' : ''}: ` +
        `${Math.min(...memory).toFixed(0)} to ${Math.max(...memory).toFixed(0)} MiB, ${(cpu * 100).toFixed(2)} % of a processor, ${written} bytes written`,
    );
    return [
      result('start-ms', 'ms', median(starts)),
      result('rss-mb', 'MiB', median(memory)),
      result('idle-cpu-percent', '%', cpu * 100),
      result('idle-writes-bytes', 'bytes', written),
    ];
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

const result = (name: string, unit: string, ours: number): BenchResult => ({
  ...{ name, unit, better: 'lower', ours, peers: {} },
});

/** The folder of what is in the package. */
async function packed(folder: string): Promise<string> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  await done([process.execPath, build, architecture, '--out', folder, '--uncompressed']);
  await done(['sh', '-c', 'dpkg-deb -x "$0"/*.deb "$0/tree"', folder]);
  return join(folder, 'tree/usr/lib/bramble');
}

/** The daemon's kubeconfig; undefined where no control plane was built. */
async function controlPlane(
  folder: string,
  master: Host,
  closing: (() => Promise<unknown>)[],
): Promise<string | undefined> {
  const assets = await findAssets();
  if (assets === undefined) return undefined;
  const { signal } = new AbortController();
  const plane = await startControlPlane({
    ...{ address: '10.77.0.1', netns: master.netns, port: 0, signal, assets, log: () => undefined },
    directory: join(folder, 'cluster'),
  });
  closing.push(plane.stop);
  return plane.daemonKubeconfig;
}

/** An ext4 of its own on a loop device, mounted at `place`. Settles with the device's name. */
async function ownFileSystem(folder: string, place: string, closing: (() => Promise<unknown>)[]): Promise<string> {
  const image = join(folder, 'data.img');
  await mkdir(place);
  await done(['truncate', '-s', String(IMAGE_BYTES), image]);
  // lazy_itable_init: the kernel would write in the background for minutes.
  await done(['mke2fs', '-q', '-t', 'ext4', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  const device = (await done(['losetup', '--find', '--show', image])).trim();
  closing.push(() => done(['losetup', '--detach', device]));
  await done(['mount', '-o', 'noatime', device, place]);
  closing.push(() => done(['umount', place]));
  return device.slice('/dev/'.length);
}

/** Sectors of 512 bytes, the seventh field (Documentation/block/stat.rst). */
async function writtenTo(device: string): Promise<number> {
  await done(['sync']);
  const fields = (await readFile(`/sys/block/${device}/stat`, 'utf8')).trim().split(/\s+/);
  return Number(fields[6]) * 512;
}

async function timeToServe(daemon: Running): Promise<number> {
  const started = performance.now();
  const up = (service: string): boolean =>
    daemon
      .stderr()
      .split('\n')
      .some((line) => line.includes('"service is up"') && line.includes(`"service":"${service}"`));
  await daemon.waitUntil(() => services.every(up) || undefined, services.join(', '), 60_000);
  return performance.now() - started;
}

/** Of the process and those below it. */
async function residentMebibytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const below = children.trim().split(' ').filter(Boolean).map(Number);
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const rest = await Promise.all(below.map((child) => residentMebibytes(child).catch(() => 0)));
  return Number(kibibytes) / 1024 + rest.reduce((sum, one) => sum + one, 0);
}

async function done(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await finish(startProgram(command), { deadlineMs: 300_000 });
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}
