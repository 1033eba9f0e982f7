/**
 * DHCP against Kea (memfile, one thread) and dnsmasq (lease file): 5,000 boards that none of them has seen before. Ours has
 * each lease on the disk before the OFFER; the others write a file and leave it to the system when it gets to the disk.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLan, runPrefix } from '../support/netns.ts';
import { type DhcpServerUnderTest, dhcpServers, type ServerName } from './dhcp-servers.ts';
import { peerPrograms } from './peers.ts';
import { type Load, type LoadResult, perfdhcp } from './perfdhcp.ts';
import { type BenchResult, median } from './result.ts';

const clients = 5000;
const seconds = 5;
/** Before what is measured, and with other boards: no server is compared in the second in which it was started. */
const warmUp = { rate: 200, seconds: 2, clients: 400 };
const droppedMost = 0.001;
/** Between the offered rates that are tried; the one that was just too much is within this of the result. */
const step = 1.25;
const [rateLeast, rateMost] = [50, 20_000];

type Try = (server: DhcpServerUnderTest, load: Load) => Promise<LoadResult>;

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-dhcp-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const peers = await peerPrograms(['kea-dhcp4-server', 'kea-admin']);
    const generator = await peers.find('perfdhcp');
    const master = await lan.addHost({ name: 'master', address: '10.77.0.1/16' });
    const relay = await lan.addHost({ name: 'relay', address: '10.77.0.2/16' });
    const servers = dhcpServers({ master, address: '10.77.0.1', folder, clients: warmUp.clients + clients, peers });

    const put: Try = async (server, load) => {
      const { stop } = await server.start();
      try {
        const deadline = Date.now() + 20_000;
        for (let answered = false; !answered; ) {
          // The first of the boards, as often as it takes: it is no new one then, one of 5,000.
          const ready = await perfdhcp(relay, generator, peers.env, { rate: 1, seconds: 1, clients: 1 });
          answered = ready.exchanges > 0;
          if (Date.now() > deadline) throw new Error(`${server.name} does not answer`);
        }
        await perfdhcp(relay, generator, peers.env, warmUp);
        return await perfdhcp(relay, generator, peers.env, load);
      } finally {
        await stop();
      }
    };

    const rates = new Map<ServerName, number[]>(servers.map(({ name }) => [name, []]));
    const delays = new Map<ServerName, number[]>(servers.map(({ name }) => [name, []]));
    for (let run = 1; run <= runs; run++) {
      for (const server of servers) {
        const rate = await mostAnswered(server, put);
        const { p99Ms, dropped } = await put(server, { rate: 1000, seconds, clients, first: warmUp.clients });
        rates.get(server.name)?.push(rate);
        delays.get(server.name)?.push(p99Ms);
        const atThousand = `p99 at 1000/s ${p99Ms.toFixed(1)} ms with ${(100 * dropped).toFixed(2)} % dropped`;
        say(
          `run ${run}, ${server.name}: ${rate.toFixed(0)} exchanges/s; ${atThousand}; load ${loadavg()[0]?.toFixed(1)}`,
        );
      }
    }
    const of = (values: Map<ServerName, number[]>, name: ServerName): number => median(values.get(name) ?? []);
    const all = (values: Map<ServerName, number[]>) => ({
      ours: of(values, 'bramble'),
      peers: { kea: of(values, 'kea'), dnsmasq: of(values, 'dnsmasq') },
    });
    return [
      { name: 'dora-durable', unit: 'exchanges/s', better: 'higher', ...all(rates) },
      { name: 'p99-at-1000', unit: 'ms', better: 'lower', ...all(delays) },
    ];
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Up while all is answered, or down until it is: what was answered at the highest offered rate with next to no drops. */
async function mostAnswered(server: DhcpServerUnderTest, put: Try): Promise<number> {
  const once = (rate: number) => put(server, { rate: Math.round(rate), seconds, clients, first: warmUp.clients });
  // A second time before a rate counts as too much: the machine may have been busy with something else.
  const at = async (rate: number) => {
    const result = await once(rate);
    return result.dropped < droppedMost ? result : once(rate);
  };
  let rate = 1000;
  let best = await at(rate);
  const up = best.dropped < droppedMost;
  for (;;) {
    const next = up ? rate * step : rate / step;
    if (next < rateLeast || next > rateMost) break;
    rate = next;
    const result = await at(rate);
    const answered = result.dropped < droppedMost;
    if (up && !answered) break;
    best = result;
    if (!up && answered) break;
  }
  return best.dropped < droppedMost ? best.exchanges : 0;
}
