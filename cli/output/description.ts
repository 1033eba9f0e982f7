/** One board in full, for people. Pure. */
import type { DeviceDescription, EventView } from '../../daemon/http/wire.ts';
import { age, harmless } from './terminal.ts';

export function descriptionText(board: DeviceDescription, nowMs: number): string {
  const known = (text: string): string => harmless(text) || '–';
  const ago = (moment: string): string => `${known(moment)} (${age(Date.parse(moment), nowMs)} ago)`;
  const fields: readonly (readonly [string, string])[] = [
    ['Name', known(board.name)],
    ['State', known(board.state) + (board.progress === null ? '' : ` ${Math.floor(board.progress * 100)}%`)],
    ['Why', known(board.why)],
    ['Since', ago(board.since)],
    ['Deadline', board.deadline === null ? '–' : known(board.deadline)],
    ['Model', known(board.model ?? '')],
    ['Address', known(board.address ?? '')],
    ['MAC', known(board.macs.join(', '))],
    ['Serial', known(board.serials.join(', '))],
    ['Id', known(board.id)],
    ['First seen', ago(board.firstSeen)],
  ];
  const head = fields.map(([title, text]) => `${`${title}:`.padEnd(12)}${text}\n`).join('');
  const timeline = board.timeline.map(
    ({ seconds, what }) => `${seconds.toFixed(1).padStart(9)} s  ${harmless(what)}\n`,
  );
  const events = board.events.map((event) => `  ${eventText(event)}`);
  const log = board.installerLog.map((line) => `  ${harmless(line)}\n`);
  const section = (title: string, lines: readonly string[]): string =>
    `\n${title}:\n${lines.length === 0 ? '  none\n' : lines.join('')}`;
  return (
    head +
    section('Boot, in seconds from its first packet', timeline) +
    (log.length === 0 ? '' : section('Its installer, when it last failed', log)) +
    section('Events', events)
  );
}

/** One line, with its end. */
export function eventText({ at, device, event, from, to, reason }: EventView): string {
  const step = from === to ? from : `${from} → ${to}`;
  return `${harmless([at, device, step, event, reason].filter((part) => part !== '').join('  '))}\n`;
}
