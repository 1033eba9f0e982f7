/** What failover sees, for people. Pure. */
import type { FailoverBoardView, FailoverView } from '../../daemon/http/wire.ts';
import { type Column, table, wrapped } from './table.ts';
import { type Colour, harmless, type Paint, spanText } from './terminal.ts';

/** `width` 0: as long as it likes. */
export function failoverText(view: FailoverView, look: { readonly width: number; readonly paint: Paint }): string {
  const lines = [headOf(view), ...(view.held === null ? [] : [`Nothing is fenced: ${view.held}.`])];
  const waiting = view.boards.filter(({ verdict }) => verdict === 'waiting-for-proof').map(waitingText);
  const shown = (text: string): string =>
    (look.width > 0 ? wrapped(harmless(text), look.width) : [harmless(text)]).map((line) => `${line}\n`).join('');
  const boards = view.boards.length === 0 ? 'No worker has a Node yet.\n' : table(columns, view.boards, look);
  return `${lines.map(shown).join('')}\n${boards}${waiting.map((line) => `\n${shown(line)}`).join('')}`;
}

function headOf({ mode, after, paused, limit, fenced }: FailoverView): string {
  if (mode === 'off')
    return 'failover is off (failover.mode in bramble.yaml): boards are replaced when Kubernetes says so';
  const span = paused === null || paused.secondsLeft === null ? '' : ` for ${spanText(paused.secondsLeft)} more`;
  const state = paused === null ? 'on' : `paused by ${paused.by}${span}; bramble failover resume ends that`;
  return `failover is ${state}; two signs for ${after}s; ${fenced} fenced, ${limit} may be`;
}

const waitingText = ({ name, pods }: FailoverBoardView): string =>
  `${name}: waiting for proof: power off ${name} and run \`bramble confirm-off ${name}\`; what waits: ${pods.join(', ')}`;

const colours: Partial<Readonly<Record<FailoverBoardView['verdict'], Colour>>> = {
  well: 'green',
  suspect: 'yellow',
  gone: 'red',
  fenced: 'red',
  'waiting-for-proof': 'red',
  proven: 'yellow',
  planned: 'dim',
};

const known = (word: string): string => (word === 'unknown' ? '' : word);

const columns: readonly Column<FailoverBoardView>[] = [
  { title: 'NAME', text: ({ name }) => name, least: 15 },
  { title: 'HELD', text: ({ verdict }) => verdict, colour: ({ verdict }) => colours[verdict] },
  { title: 'PATH', text: ({ path }) => known(path) },
  { title: 'LEASE', text: ({ lease }) => (lease === null ? '' : spanText(lease)) },
  { title: 'PEER', text: ({ peer }) => known(peer) },
  { title: 'POWER', text: ({ power }) => known(power) },
  { title: 'SIGNS', text: ({ signs }) => signs },
];
