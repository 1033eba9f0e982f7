/** A process of its own, whose memory is that of a world and of the planner that plans for it. Its last line is JSON. */

import type { Move } from '../../../daemon/cluster/balance/plan.ts';
import { createPlanner } from '../../../daemon/cluster/balance/planner.ts';
import type { World } from '../../../daemon/cluster/workloads/facts.ts';
import type { PlanFigures } from './figures.ts';
import { largeWorld, size } from './world.ts';

const [, , times = '5'] = process.argv;

function timed<T>(into: number[], work: () => T): T {
  const began = performance.now();
  const result = work();
  into.push(performance.now() - began);
  return result;
}

const world = largeWorld();
const planner = createPlanner();
const plan: number[] = [];
let moves: readonly Move[] = [];
let rss = 0;
for (let time = 0; time < Number(times); time++) {
  moves = timed(plan, () => {
    planner.take(world);
    return planner.plan().moves;
  });
  if (time === 0) rss = process.memoryUsage().rss;
}
const rssAtLast = process.memoryUsage().rss;

// Everything carried out, until nothing is left.
const pods = new Map(world.pods);
const calm: World = { ...world, pods };
for (let left = moves; left.length > 0; left = planner.plan().moves) {
  for (const { pod, to } of left) {
    const before = pods.get(pod.name);
    if (before === undefined) throw new Error(`${pod.name} is not there`);
    pods.set(pod.name, { ...before, node: to });
    planner.changed(calm, { kind: 'pod', name: pod.name });
  }
}

// A pod is made anew on another Node; its owner's pods are elsewhere.
const [afterPod, afterNode]: [number[], number[]] = [[], []];
const some = [...pods.values()].filter((_, index) => index % (size.pods / 100) === 0);
for (const [index, pod] of some.entries()) {
  pods.set(pod.name, { ...pod, node: calm.nodes[index]?.name });
  timed(afterPod, () => {
    planner.changed(calm, { kind: 'pod', name: pod.name });
    return planner.plan();
  });
}
for (const node of calm.nodes.slice(0, 20)) {
  for (const ready of [false, true]) {
    const nodes = calm.nodes.map((one) => (one.name === node.name ? { ...one, ready } : one));
    timed(afterNode, () => {
      planner.changed({ ...calm, nodes }, { kind: 'node', name: node.name });
      return planner.plan({ limit: size.nodes / 10 });
    });
  }
}
const figures: PlanFigures = { moves: moves.length, plan, afterPod, afterNode, rss, rssAtLast };
process.stdout.write(`${JSON.stringify(figures)}\n`);
