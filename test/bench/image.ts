/**
 * What a board's image costs, against copying the base and editing the copy with mtools; and how fast boards get the base,
 * against nginx. Both are compared before they are measured: the same files in the image, the same bytes on the wire.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../config/result.ts';
import { type Base, importBase } from '../../image-builder/index.ts';
import { makeNoisyBase } from './image-base.ts';
import { imageMakers, type MakerName } from './image-makers.ts';
import { imageStreams, type StreamName } from './image-streams.ts';
import { type BenchResult, median } from './result.ts';

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const data = await mkdtemp(join(tmpdir(), 'bramble-bench-image-'));
  try {
    const file = join(data, 'base.img');
    await makeNoisyBase(file);
    const signal = new AbortController().signal;
    const base = must(await importBase({ file, directory: join(data, 'bases'), signal }));
    await rm(file);
    const round = { data, base, runs, say };
    const results = [...(await perBoard(round)), ...(await streams(round))];
    await base.close();
    return results;
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

type Round = {
  readonly data: string;
  readonly base: Base;
  readonly runs: number;
  readonly say: (line: string) => void;
};

async function perBoard({ data, base, runs, say }: Round): Promise<readonly BenchResult[]> {
  const { makers, close } = await imageMakers(data, base);
  const took = new Map<MakerName, { ms: number[]; bytes: number[] }>();
  for (let run = 1; run <= runs; run++) {
    for (const { name, make } of makers) {
      const { ms, bytes } = await make();
      const of = took.get(name) ?? { ms: [], bytes: [] };
      of.ms.push(ms);
      of.bytes.push(bytes);
      took.set(name, of);
      say(`run ${run}, ${name}: ${ms.toPrecision(3)} ms and ${bytes} bytes a board; ${load()}`);
    }
  }
  await close();
  const of = (maker: MakerName, what: 'ms' | 'bytes'): number => median(took.get(maker)?.[what] ?? []);
  return (['ms', 'bytes'] as const).map((unit) => ({
    name: `per-pi-${unit}`,
    unit,
    better: 'lower',
    ours: of('bramble', unit),
    peers: { 'copy-mtools': of('copy-mtools', unit) },
  }));
}

async function streams({ data, base, runs, say }: Round): Promise<readonly BenchResult[]> {
  const { servers, fetchAll, close } = await imageStreams(data, base);
  try {
    const results: BenchResult[] = [];
    for (const clients of [1, 10]) {
      const speeds = new Map<StreamName, number[]>();
      for (let run = 1; run <= runs; run++) {
        for (const server of servers) {
          const { speed, cpuPerGib } = await fetchAll(server, clients);
          speeds.set(server.name, [...(speeds.get(server.name) ?? []), speed]);
          const shown = `${speed.toPrecision(3)} MiB/s, ${cpuPerGib.toPrecision(3)} s of processor a GiB`;
          say(`run ${run}, ${clients} clients, ${server.name}: ${shown}; ${load()}`);
        }
      }
      const of = (server: StreamName): number => median(speeds.get(server) ?? []);
      const peers = { nginx: of('nginx') };
      results.push({ name: `stream-${clients}`, unit: 'MiB/s', better: 'higher', ours: of('bramble'), peers });
    }
    return results;
  } finally {
    await close();
  }
}

const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`;
