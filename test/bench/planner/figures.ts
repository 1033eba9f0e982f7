/** What the planner's own process tells: milliseconds, one for each time, and bytes. */
export type PlanFigures = {
  readonly moves: number;
  readonly plan: readonly number[];
  /** After a pod came back elsewhere. */
  readonly afterPod: readonly number[];
  /** After a Node was lost, or came back; as many moves as may be under way at once. */
  readonly afterNode: readonly number[];
  /** After the first plan, as a daemon makes it; and after several anew, with what nobody has thrown away yet. */
  readonly rss: number;
  readonly rssAtLast: number;
};
