/**
 * What a plan costs for 1,000 Nodes, 50,000 pods, 5,000 owners: whole, and after one change. Each run is a process of its own, so
 * that its memory is that of the world and of the planner. And 200,000 small spreads against our model of RemoveDuplicates.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compareSpreads } from './planner/duplicates.ts';
import type { PlanFigures } from './planner/figures.ts';
import { type BenchResult, median } from './result.ts';

export async function bench(runs: number, say: (line: string) => void): Promise<readonly BenchResult[]> {
  const told: PlanFigures[] = [];
  for (let run = 1; run <= runs; run++) {
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'planner', 'main.ts')]);
    const figures: PlanFigures = JSON.parse(stdout);
    told.push(figures);
    const [first = 0, ...warm] = figures.plan;
    const shown = [first, median(warm), median(figures.afterPod), median(figures.afterNode)].map((ms) => ms.toFixed(1));
    say(
      `run ${run}: ${figures.moves} moves; a plan ${shown[1]} ms (${shown[0]} ms the first time), after a pod came back elsewhere ${shown[2]} ms, after a Node was lost or came back ${shown[3]} ms, ${mebibytes(figures.rss).toFixed(0)} MiB after the first, ${mebibytes(figures.rssAtLast).toFixed(0)} MiB after the last`,
    );
  }
  say(compareSpreads(200_000));
  const result = (name: string, unit: string, of: (figures: PlanFigures) => number): BenchResult => ({
    ...{ name, unit, better: 'lower', ours: median(told.map(of)), peers: {} },
  });
  return [
    result('plan-1000-nodes-ms', 'ms', ({ plan }) => median(plan)),
    result('replan-ms', 'ms', ({ afterPod, afterNode }) => Math.max(median(afterPod), median(afterNode))),
    result('rss-mb', 'MiB', ({ rss }) => mebibytes(rss)),
  ];
}

const mebibytes = (bytes: number): number => bytes / 2 ** 20;
