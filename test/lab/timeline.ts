/** Seconds from power-on to the three moments that count. Pure. */
import type { EventView } from '../../daemon/http/wire.ts';

export const milestones = ['seen', 'installing', 'ready'] as const;
export type Milestone = (typeof milestones)[number];
export type Timeline = { readonly [M in Milestone]?: number };

/** The first time counts: a board that is installed again later keeps its first timeline. */
export function withEvent(timeline: Timeline, event: Pick<EventView, 'at' | 'to'>, switchedOn: number): Timeline {
  const milestone = milestones.find((name) => name === event.to);
  if (milestone === undefined || timeline[milestone] !== undefined) return timeline;
  return { ...timeline, [milestone]: Math.max(0, Math.round((Date.parse(event.at) - switchedOn) / 100) / 10) };
}

export type BoardResult = { readonly name: string; readonly model: string; readonly seconds: Timeline };

/** The last line of `npm start -- --json`. */
export const resultLine = (ok: boolean, controlPlane: string, boards: readonly BoardResult[]): string =>
  JSON.stringify({ ok, controlPlane, boards: boards.map(inOrder) });

const inOrder = ({ name, model, seconds }: BoardResult): BoardResult => ({
  name,
  model,
  seconds: Object.fromEntries(milestones.flatMap((key) => (seconds[key] === undefined ? [] : [[key, seconds[key]]]))),
});
