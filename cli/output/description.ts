/** One board in full, for people. Pure. */
import { sizeText } from '../../config/values.ts';
import type { DeviceDescription, DiskView, EventView, HealthSign, TimelineEntry } from '../../daemon/http/wire.ts';
import { bar } from './progress.ts';
import { age, harmless } from './terminal.ts';

export function descriptionText(board: DeviceDescription, nowMs: number): string {
  const known = (text: string): string => harmless(text) || '–';
  const ago = (moment: string): string => `${known(moment)} (${age(Date.parse(moment), nowMs)} ago)`;
  const fields: readonly (readonly [string, string])[] = [
    ['Name', known(board.name)],
    [
      'State',
      known(board.state) +
        (board.progress === null ? '' : ` ${bar(board.progress, 20)} ${Math.floor(board.progress * 100)}%`),
    ],
    ['Why', known(board.why)],
    ['Since', ago(board.since)],
    ['Deadline', board.deadline === null ? '–' : known(board.deadline)],
    ['Model', known(board.model ?? '')],
    ['Address', known(board.address ?? '')],
    ...(board.health === null || board.health.signs.length > 0
      ? []
      : [['Health', `well, as of ${ago(board.health.at)}`] as const]),
    ['MAC', known(board.macs.join(', '))],
    ...(board.disk === null ? [] : [['Disk', known(diskText(board.disk))] as const]),
    ...(board.memoryBytes === null ? [] : [['Memory', sizeText(board.memoryBytes)] as const]),
    ...board.hostKeys.map((key) => ['Host key', known(key)] as const),
    ['Serial', known(board.serials.join(', '))],
    ['Id', known(board.id)],
    ['First seen', ago(board.firstSeen)],
  ];
  const head = fields.map(([title, text]) => `${`${title}:`.padEnd(12)}${text}\n`).join('');
  const { diagnosis } = board;
  const signs = board.health?.signs ?? [];
  const events = board.events.map((event) => `  ${eventText(event)}`);
  const log = board.installerLog.map((line) => `  ${harmless(line)}\n`);
  const output = board.failedOutput.map((line) => `  ${harmless(line)}\n`);
  const section = (title: string, lines: readonly string[]): string =>
    `\n${title}:\n${lines.length === 0 ? '  none\n' : lines.join('')}`;
  return (
    head +
    (diagnosis === null
      ? ''
      : section('Why it stops', [`  ${harmless(diagnosis.sentence)}\n`, `  → ${harmless(diagnosis.deed)}\n`])) +
    (signs.length === 0 ? '' : section('Its health', signs.flatMap(signText))) +
    board.earlierBoots
      .map((boot) => section(`An earlier boot, ${known(boot[0]?.at ?? '')}`, boot.map(stepText)))
      .join('') +
    section('Boot, in seconds from its first packet', board.timeline.map(stepText)) +
    (log.length === 0 ? '' : section('Its installer, when it last failed', log)) +
    (output.length === 0 ? '' : section('What failed on it said last', output)) +
    section('Events', events)
  );
}

const stepText = ({ seconds, what }: TimelineEntry): string =>
  `${seconds.toFixed(1).padStart(9)} s  ${harmless(what)}\n`;

const signText = ({ sentence, deed }: HealthSign): readonly string[] => [
  `  ${harmless(sentence)}\n`,
  ...(deed === null ? [] : [`  → ${harmless(deed)}\n`]),
];

const contents: Readonly<Record<string, string>> = {
  blank: 'blank',
  empty: 'formatted, with nothing on it',
  ours: 'written by bramble',
  foreign: 'holds data that is not ours',
};

/** `mmcblk0, sd, SC32G, 31.9 GB: blank`. */
export function diskText({ name, type, model, bytes, content }: DiskView): string {
  if (content === 'none') return 'none that may be written';
  const parts = [name, type, model, sizeText(bytes)].filter((part) => part !== '');
  return `${parts.join(', ')}: ${contents[content] ?? content}`;
}

/** One line, with its end. */
export function eventText({ at, device, event, from, to, reason }: EventView): string {
  const step = from === to ? from : `${from} → ${to}`;
  return `${harmless([at, device, step, event, reason].filter((part) => part !== '').join('  '))}\n`;
}
