/**
 * A model of the descheduler's RemoveDuplicates, of counts only: on each Node that is feasible, what is above the rounded-up mean is
 * evicted, if it is more than one there and at least two Nodes are feasible. Our own words for what facts 4.2 say of version 0.36.
 */
export function evictionsOf(counts: readonly number[]): readonly number[] {
  const sum = counts.reduce((all, count) => all + count, 0);
  if (counts.length < 2) return counts.map(() => 0);
  const most = Math.ceil(sum / counts.length);
  return counts.map((count) => (count > 1 ? Math.max(0, count - most) : 0));
}

/** What comes of it if the scheduler puts each evicted pod where there are fewest: the best that it can hope for. */
export function afterRemoveDuplicates(counts: readonly number[]): {
  readonly counts: readonly number[];
  readonly evictions: number;
} {
  const evicted = evictionsOf(counts);
  const after = counts.map((count, index) => count - (evicted[index] ?? 0));
  const evictions = evicted.reduce((all, count) => all + count, 0);
  for (let pod = 0; pod < evictions; pod++) {
    const emptiest = after.indexOf(Math.min(...after));
    after[emptiest] = (after[emptiest] ?? 0) + 1;
  }
  return { counts: after, evictions };
}
