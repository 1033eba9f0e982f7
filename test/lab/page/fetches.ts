/** What a reader who asks again and again has got: pure. Times are milliseconds of the machine's monotonic clock. */

export type Fetch = {
  /** When it was asked for, and when it was answered or given up. */
  readonly at: number;
  readonly end: number;
  readonly ok: boolean;
  /** The page, or what went wrong. */
  readonly said: string;
};

export type Reading = {
  readonly asked: number;
  readonly failed: number;
  /** The longest time from one page to the next. */
  readonly longestGap: number;
  /** From the first request that failed to the end of the last one. */
  readonly disturbed: number;
};

/** Of what was asked for within [from, to]. The gap at its begin counts from the page before. */
export function readingOf(fetches: readonly Fetch[], from: number, to: number): Reading {
  const within = fetches.filter(({ at }) => at >= from && at <= to);
  const failures = within.filter(({ ok }) => !ok);
  const earlier = fetches.filter(({ ok, at }) => ok && at < from).map(({ end }) => end);
  const pages = within.filter(({ ok }) => ok).map(({ end }) => end);
  let last = earlier.length === 0 ? from : Math.max(...earlier);
  let longestGap = 0;
  for (const end of [...pages.sort((a, b) => a - b), to]) {
    longestGap = Math.max(longestGap, end - last);
    last = Math.max(last, end);
  }
  const disturbed =
    failures.length === 0 ? 0 : Math.max(...failures.map(({ end }) => end)) - Math.min(...failures.map(({ at }) => at));
  return { asked: within.length, failed: failures.length, longestGap, disturbed };
}

/** `0 of 40 requests failed`, or `5 of 40 requests failed (timed out 4, connect ECONNREFUSED 10.77.0.1:90 1)`. */
export function failuresText(fetches: readonly Fetch[], from: number, to: number): string {
  const within = fetches.filter(({ at }) => at >= from && at <= to);
  const reasons = new Map<string, number>();
  for (const { ok, said } of within) if (!ok) reasons.set(said, (reasons.get(said) ?? 0) + 1);
  const failed = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const why = [...reasons].map(([reason, count]) => `${reason} ${count}`).join(', ');
  return `${failed} of ${within.length} requests failed${failed === 0 ? '' : ` (${why})`}`;
}
