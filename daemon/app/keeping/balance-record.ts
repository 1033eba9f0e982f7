/** What was done in the run that is under way, or in the last one, for whoever asks. */
import type { FlightEnd } from '../../cluster/balance/flight.ts';
import type { Move } from '../../cluster/balance/plan.ts';
import type { BalanceMoveView, BalanceRunView } from '../../http/wire.ts';

export type RunRecord = {
  readonly begin: (reason: string) => void;
  readonly moveBegan: (move: Move) => void;
  readonly moveEnded: (move: Move, end: FlightEnd) => void;
  readonly end: (how: 'even' | 'stopped', detail: string) => void;
  readonly view: () => BalanceRunView | null;
};

/** Of one run; the event log has them all. */
const MOVES_MOST = 200;

export function createRecord(): RunRecord {
  let run: Omit<BalanceRunView, 'moves'> | undefined;
  let moves: readonly BalanceMoveView[] = [];
  let number = 0;

  return {
    begin: (reason) => {
      run = { number: (run?.number ?? 0) + 1, reason, end: null, detail: '', landed: 0 };
      [moves, number] = [[], 0];
    },
    moveBegan: ({ title, pod, from, to, why }) => {
      number += 1;
      const move = { number, title, pod: pod.name, from, to, why, outcome: 'under-way', detail: '' } as const;
      moves = [...moves, move].slice(-MOVES_MOST);
    },
    moveEnded: ({ pod }, end) => {
      const detail = end.end === 'landed' ? end.node : end.why;
      moves = moves.map((one) =>
        one.pod === pod.name && one.outcome === 'under-way' ? { ...one, outcome: end.end, detail } : one,
      );
      if (run !== undefined && end.end === 'landed') run = { ...run, landed: run.landed + 1 };
    },
    end: (how, detail) => {
      if (run !== undefined) run = { ...run, end: how, detail };
    },
    view: () => (run === undefined ? null : { ...run, moves }),
  };
}
