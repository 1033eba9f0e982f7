/** What a benchmark tells, for people and for the last line under `--json`. Pure. */
export type BenchResult = {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  if (low === undefined || high === undefined) throw new Error('no values');
  return (low + high) / 2;
}

/** Ours, then each peer with how many times as good or as bad we are. */
export function resultTable(results: readonly BenchResult[]): string {
  const rows = results.flatMap(({ name, unit, ours, peers }) => [
    [name, 'bramble', `${round(ours)} ${unit}`, ''],
    ...Object.entries(peers).map(([peer, value]) => ['', peer, `${round(value)} ${unit}`, `×${round(ours / value)}`]),
  ]);
  const head = ['BENCH', 'WHO', 'VALUE', 'OURS/THEIRS'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const round = (value: number): number => Number(value.toPrecision(3));
