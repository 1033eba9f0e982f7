/** A shutdown or startup in words. Pure. */
import { isOff } from '../../cluster/power/order.ts';
import type { PowerRun } from '../../cluster/power/run.ts';
import type { PowerView } from '../../http/wire.ts';
import type { Device } from '../../lifecycle/device.ts';
import { explain } from '../../lifecycle/explain.ts';

export function powerView({
  run,
  last,
  trouble,
  boards,
}: {
  readonly run: PowerRun | undefined;
  readonly last: string | null;
  readonly trouble: string | undefined;
  readonly boards: readonly Device[];
}): PowerView {
  if (run === undefined) return { run: null, last };
  const { kind, by, all, phase } = run;
  const isDone = (device: Device): boolean => {
    const { state } = device;
    return kind === 'stop' ? state.name === 'stopped' : !isOff(device) && !(state.name === 'draining' && !state.keep);
  };
  const rows = boards.map((board) => ({
    ...{ name: board.name, state: board.state.name, why: explain(board), done: isDone(board) },
  }));
  return { run: { kind, by, all, phase, boards: rows, waits: trouble === undefined ? [] : [trouble] }, last };
}

/** One line, and what only hands can do. */
export function powerAdvice({ run }: PowerView): readonly string[] {
  if (run === null) return [];
  const done = run.boards.filter((board) => board.done).length;
  const count = `${done} of ${run.boards.length} boards are ${run.kind === 'stop' ? 'off' : 'back'}`;
  const what =
    run.phase === 'down'
      ? 'the cluster is shut down: bramble startup brings it back'
      : `${run.kind === 'stop' ? 'shutting down' : 'starting'}, asked by ${run.by}`;
  return [...run.waits, `${what}: ${count}`];
}
