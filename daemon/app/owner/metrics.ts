/** `GET /metrics`: the daemon's numbers in Prometheus' text form. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ApiCounts } from '../../cluster/api.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Store } from '../../store/store.ts';
import { outcomes, type Protocol, protocols, type Traffic } from '../../traffic/counts.ts';

export type Metrics = {
  readonly text: () => Promise<string>;
  /** The same, with the time until it is on disk put down; commits that fail are not counted. */
  readonly timed: (commit: Store['commit']) => Store['commit'];
};

const units: Readonly<Record<Protocol, 'datagrams' | 'requests'>> = {
  dhcp: 'datagrams',
  tftp: 'requests',
  mdns: 'datagrams',
  http: 'requests',
};
/** An SD card takes some milliseconds for an fsync on a good day and seconds on a bad one. */
const commitBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** Everything is read when it is asked for, but for the commits. */
export function createMetrics(deps: {
  readonly traffic: () => Promise<Traffic>;
  readonly boards: () => readonly Device[];
  readonly apiRequests: () => ApiCounts;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  // Its default looks at the event loop a hundred times a second, and keeps an idle Pi awake.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 200 });
  const counters = protocols.map((protocol) => {
    const name = `bramble_${protocol}_${units[protocol]}_total`;
    const help = `${protocol.toUpperCase()} ${units[protocol]} from the network, by what became of them`;
    return { protocol, counter: new Counter({ name, help, labelNames: ['result'], registers }) };
  });
  new Gauge({
    name: 'bramble_boards',
    help: 'Boards by their state; a state without boards is not listed',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const { state } of deps.boards()) this.inc({ state: state.name });
    },
  });
  new Counter({
    name: 'bramble_api_requests_total',
    help: 'Requests to the Kubernetes API, by what was asked; a watch of five minutes is one',
    labelNames: ['verb'],
    registers,
    collect() {
      this.reset();
      for (const [verb, count] of Object.entries(deps.apiRequests())) this.inc({ verb }, count);
    },
  });
  const commits = new Histogram({
    name: 'bramble_store_commit_duration_seconds',
    help: 'From the order to write until it is on the disk',
    buckets: commitBuckets,
    registers,
  });

  async function text(): Promise<string> {
    const traffic = await deps.traffic();
    for (const { protocol, counter } of counters) {
      counter.reset();
      for (const result of outcomes) counter.inc({ result }, traffic[protocol][result]);
    }
    return registry.metrics();
  }

  const timed: Metrics['timed'] = (commit) => async (batch) => {
    const started = performance.now();
    const revision = await commit(batch);
    if (batch.length > 0) commits.observe((performance.now() - started) / 1000);
    return revision;
  };

  return { text, timed };
}
