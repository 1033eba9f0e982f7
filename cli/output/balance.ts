/** What balance would do, and what it does, for people. Pure. */
import type {
  BalanceMoveView,
  BalancePlanView,
  BalanceView,
  PlannedMoveView,
  PlannedSkipView,
} from '../../daemon/http/wire.ts';
import { type Column, table } from './table.ts';
import { harmless, type Paint, spanText } from './terminal.ts';

type Look = { readonly width: number; readonly paint: Paint };

/** Each move and each skip in words. */
export function planText({ moves, skipped }: BalancePlanView, look: Look): string {
  const head =
    moves.length === 0
      ? 'Nothing would be moved.\n'
      : `${moves.length} ${moves.length === 1 ? 'pod' : 'pods'} would be moved:\n\n${table(moveColumns, moves, look)}`;
  return skipped.length === 0 ? head : `${head}\nLeft as they are:\n\n${table(skipColumns, skipped, look)}`;
}

const moveColumns: readonly Column<PlannedMoveView>[] = [
  { title: 'OWNER', text: ({ title }) => title, least: 20 },
  { title: 'FROM', text: ({ from }) => from, least: 12 },
  { title: 'TO', text: ({ to }) => to, least: 12 },
  { title: 'HOW', text: ({ method }) => method },
  { title: 'WHY', text: ({ why }) => why },
];
const skipColumns: readonly Column<PlannedSkipView>[] = [
  { title: 'OWNER', text: ({ title }) => title, least: 20 },
  { title: 'WHY', text: ({ reason }) => reason },
];

/** `Deployment default/web: worker-kube1 → worker-kube2`, with what came of it. */
export function moveText({ title, from, to, outcome, detail, why }: BalanceMoveView): string {
  const way = `${title}: ${from} → ${outcome === 'landed' ? detail : to}`;
  switch (outcome) {
    case 'under-way':
      return harmless(`${way}: ${why}`);
    case 'landed':
      return harmless(`${way}: ready`);
    case 'overtaken':
      return harmless(`${way}: left, ${detail}`);
    case 'missed':
      return harmless(`${way}: in vain, ${detail}`);
  }
}

/** One line: what it is at. */
export function stateText({ mode, state, detail, paused, run }: BalanceView): string {
  const last =
    run?.end == null ? '' : `; last run (${run.reason}): ${run.end === 'even' ? run.detail : `stopped, ${run.detail}`}`;
  switch (state) {
    case 'idle':
      return harmless(`balance ${mode}: nothing to do${last}`);
    case 'paused': {
      const left = paused?.secondsLeft;
      return harmless(`balance is paused ${detail}${left == null ? '' : `, for ${spanText(left)} more`}`);
    }
    case 'settling':
      return harmless(`balance waits until the boards are steady: ${detail}`);
    case 'running':
    case 'waiting':
    case 'stopped':
    case 'deaf':
      return harmless(`balance ${state === 'running' ? 'moves pods' : state}: ${detail}`);
  }
}
