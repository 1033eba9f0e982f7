/** The article's own examples, and 200 mishaps at random, each with a cluster of its own. */
import { baseline, page, two } from './cable.ts';
import { chaos } from './chaos.ts';
import { master } from './master.ts';
import type { Stage } from './site.ts';
import { fencedByPower, statefulSets } from './statefulset.ts';
import { stopStart } from './stop-start.ts';
import { ten } from './ten.ts';

export const stories: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  page,
  two,
  ten,
  master,
  'stop-start': stopStart,
  statefulset: statefulSets,
  'power-command': fencedByPower,
  chaos,
};

/** Take long, and say nothing of the daemon: played only by name. */
export const onlyByName: typeof stories = { baseline };
