/** One queue for each key: jobs of one key one after the other, keys side by side, repetitions melt into one. */

/** A job in work. `latest` is its newest repetition: read it when the answer is written, not before. */
export type Job<T> = { latest: T };

export type Coalescer<Key, T> = {
  /**
   * `repeated`: it, or what it takes the place of, gets no answer of its own. `full`: dropped, since `capacity` strangers are
   * in work already. Those we know find room always, there are only so many. Never throws.
   */
  readonly push: (key: Key, item: T, isKnown?: boolean) => 'taken' | 'repeated' | 'full';
  /** Settles when nothing is in work. */
  readonly idle: () => Promise<void>;
};

/**
 * A push while its key is in work either repeats the job (`repeats`) and only becomes its `latest`, or waits. One waits at
 * most, the newest: a client that goes on has given up what it asked before. `work` must not reject.
 */
export function coalesce<Key, T>(deps: {
  readonly capacity: number;
  readonly repeats: (inWork: T, next: T) => boolean;
  readonly work: (job: Job<T>) => Promise<void>;
}): Coalescer<Key, T> {
  type Lane = { job: Job<T>; waiting: Job<T> | undefined; readonly isKnown: boolean };
  const lanes = new Map<Key, Lane>();
  let strangers = 0;
  const running = new Set<Promise<void>>();

  const run = async (key: Key, lane: Lane): Promise<void> => {
    for (;;) {
      await deps.work(lane.job);
      if (lane.waiting === undefined) break;
      lane.job = lane.waiting;
      lane.waiting = undefined;
    }
    lanes.delete(key);
    if (!lane.isKnown) strangers -= 1;
  };

  return {
    push: (key, item, isKnown = false) => {
      const lane = lanes.get(key);
      if (lane !== undefined) {
        if (lane.waiting === undefined && deps.repeats(lane.job.latest, item)) {
          lane.job.latest = item;
          return 'repeated';
        }
        const replaced = lane.waiting;
        lane.waiting = { latest: item };
        return replaced === undefined ? 'taken' : 'repeated';
      }
      if (!isKnown && strangers >= deps.capacity) return 'full';
      const opened: Lane = { job: { latest: item }, waiting: undefined, isKnown };
      lanes.set(key, opened);
      if (!isKnown) strangers += 1;
      const done = run(key, opened).finally(() => running.delete(done));
      running.add(done);
      return 'taken';
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
