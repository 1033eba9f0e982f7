/**
 * From a pulled cable to the replacement: twenty pulls under the only replica of a page, in one cluster of ten boards; when another
 * Pod of it is Ready on another board, and how long its reader had no page. And what it costs to look: processor time of
 * probing fifty boards, and requests to the API server while nothing happens to fifty Nodes.
 */
import { probeCpuPercent } from './failover/probe-cpu.ts';
import { pulledCables } from './failover/pulls.ts';
import { requestsAtRest } from './failover/requests.ts';
import { type BenchResult, median } from './result.ts';

const PULLS = 20;

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const percent: number[] = [];
  for (let run = 1; run <= runs; run++) {
    percent.push(await probeCpuPercent());
    say(`probing 50 boards, run ${run}: ${percent.at(-1)} % of one core`);
  }
  // `--runs 1` and `--runs 2` are for a first look.
  const pulls = await pulledCables(runs < 3 ? runs : PULLS, say);
  const requests = await requestsAtRest(say);
  const running = pulls.map(({ running }) => running / 1000);
  const lower = { better: 'lower', peers: {} } as const;
  return [
    { name: 'cable-to-running-median-s', unit: 's', ours: median(running), ...lower },
    { name: 'cable-to-running-worst-s', unit: 's', ours: Math.max(...running), ...lower },
    { name: 'page-away-s', unit: 's', ours: median(pulls.map(({ away }) => away / 1000)), ...lower },
    { name: 'page-away-worst-s', unit: 's', ours: Math.max(...pulls.map(({ away }) => away / 1000)), ...lower },
    { name: 'api-requests-per-minute-at-rest', unit: '/min', ours: requests, ...lower },
    { name: 'probe-cpu-percent', unit: '%', ours: median(percent), ...lower },
  ];
}
