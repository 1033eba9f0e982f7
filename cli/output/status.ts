/** The status for people. Pure. */
import type {
  DeviceView,
  GuestView,
  OpeningView,
  StatusView,
  TrafficCounts,
  TrafficView,
} from '../../daemon/http/wire.ts';
import { bar } from './progress.ts';
import { type Column, cut, table, wrapped } from './table.ts';
import { age, type Colour, harmless, type Paint, spanText } from './terminal.ts';

/** The owner has something to do for it. Such boards come first, and make `status` end with 2. */
export const isSick = ({ deed }: DeviceView): boolean => deed !== null;

export const isDegraded = ({ devices, master }: StatusView): boolean =>
  master.degraded || !master.cluster.reachable || devices.some(isSick);

/** Sick ones first, then those under way, then the ready ones, rejected ones last; by name within each. */
export const inOrder = (devices: readonly DeviceView[]): readonly DeviceView[] =>
  [...devices].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }));

function rank(device: DeviceView): number {
  if (isSick(device)) return 0;
  if (device.state === 'ready') return 2;
  return isOut(device) ? 3 : 1;
}

/** Of the cluster, and that is as it should be. */
const isOut = ({ state }: DeviceView): boolean => state === 'rejected' || state === 'left' || state === 'replaced';

const colours: readonly (Colour | undefined)[] = ['red', 'yellow', 'green', 'dim'];

export type Look = { readonly width: number; readonly paint: Paint; readonly wide: boolean };

/** `shown`: those of its boards that are listed. */
export function statusText(status: StatusView, look: Look, shown: readonly DeviceView[] = status.devices): string {
  const { master } = status;
  const where = master.address === null ? 'no usable interface' : `${master.interface} ${master.address}`;
  const { driver, reachable, detail } = master.cluster;
  const cluster = reachable ? `${driver} reachable` : `${driver} not reachable${detail === '' ? '' : `: ${detail}`}`;
  const head = `${master.hostname}  ${where}  dhcp ${master.dhcpMode}  admission ${master.admission}  ${cluster}`;
  const open = master.open === null ? [] : [`${openText(master.open)}; bramble open 0 closes it`];
  const none = status.devices.length === 0 ? 'No board yet.\n' : 'No such board.\n';
  const boards = shown.length === 0 ? none : `${counts(shown, look)}\n${boardTable(status, shown, look)}`;
  const inWidth = (line: string): string => (look.wide ? line : cut(line, look.width));
  const beside = others(status, look.wide).map((line) => `\n${inWidth(harmless(line))}\n`);
  const drops = look.wide ? `\n${dropsLine(master.traffic)}\n` : '';
  const first = [head, ...open].map((line) => `${inWidth(harmless(line))}\n`);
  return `${first.join('')}${boards}${beside.join('')}${drops}\n${nextText(status, look)}`;
}

/** `open for 3 boards and 9m59s, asked by anna`. */
export const openText = ({ boards, secondsLeft, by }: OpeningView): string =>
  `open for ${boards} board${boards === 1 ? '' : 's'} and ${spanText(secondsLeft)}, asked by ${by}`;

/** Who else is on the boards' network: a line each. */
function others({ strangers, guests }: StatusView, wide: boolean): readonly string[] {
  const pis = strangers.map(({ name, address }) => `${name} (${address})`);
  const guest = ({ hostname, address, mac }: GuestView): string =>
    [hostname, address, wide && mac !== null && `(${mac})`].filter((part) => part !== null && part !== false).join(' ');
  return [
    ...(pis.length === 0 ? [] : [`Pis with a system of their own: ${pis.join(', ')}`]),
    ...(guests.length === 0 ? [] : [`Guests: ${guests.map(guest).join(', ')}`]),
  ];
}

const stepsMax = 8;

/** The most important step after `NEXT:`, those that follow below it; what is to be done often stands at a line's end. */
function nextText(status: StatusView, { width, wide }: Look): string {
  const steps = nextSteps(status).map(harmless);
  const shown = wide ? steps : steps.slice(0, stepsMax);
  const lines = shown.flatMap((step, index) => {
    const [first, ...more] = wide ? [step] : wrapped(step, width - 6);
    return [`${index === 0 ? 'NEXT: ' : '    - '}${first}`, ...more.map((line) => `      ${line}`)];
  });
  const left = steps.length - shown.length;
  return [...lines, ...(left === 0 ? [] : [`      and ${left} more: bramble status -o wide`])]
    .map((line) => `${line}\n`)
    .join('');
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** In the order of how bad they are for boards. */
const drops = ['overrun', 'capacity', 'flood', 'malformed'] as const satisfies readonly (keyof TrafficCounts)[];

/** `dropped since start: dhcp 1204 of 5000 (flood 1200, malformed 4), http 2 of 90 (malformed 2)`. */
function dropsLine(traffic: TrafficView): string {
  const parts = Object.entries(traffic).flatMap(([protocol, counts]) => {
    const dropped = drops.filter((reason) => counts[reason] > 0);
    if (dropped.length === 0) return [];
    const reasons = dropped.map((reason) => `${reason} ${counts[reason]}`).join(', ');
    const all = sum(Object.values(counts));
    return [`${protocol} ${sum(dropped.map((reason) => counts[reason]))} of ${all} (${reasons})`];
  });
  return `dropped since start: ${parts.join(', ') || 'nothing'}`;
}

function boardTable(status: StatusView, shown: readonly DeviceView[], { width, paint, wide }: Look): string {
  const now = Date.parse(status.generatedAt);
  const extra: readonly Column<DeviceView>[] = [
    { title: 'MAC', text: ({ macs }) => macs.join(',') },
    { title: 'SERIAL', text: ({ serials }) => serials.join(',') },
    { title: 'ID', text: ({ id }) => id },
  ];
  const columns: readonly Column<DeviceView>[] = [
    { title: 'NAME', text: ({ name }) => name, least: 15 },
    { title: 'MODEL', text: ({ model }) => model ?? '' },
    { title: 'IP', text: ({ address }) => address ?? '' },
    { title: 'STATE', text: stateOf, colour: (device) => colours[rank(device)] },
    { title: 'SINCE', text: ({ since }) => age(Date.parse(since), now) },
    ...(wide ? extra : []),
    { title: 'WHY', text: whyOf },
  ];
  return table(columns, inOrder(shown), { width: wide ? 0 : width, paint });
}

const stateOf = ({ state, progress }: DeviceView): string =>
  progress === null ? state : `${state} ${Math.floor(progress * 100)}%`;

/** The bar stands here, in the column that is cut, so that what is said of other boards keeps its room. */
const whyOf = ({ why, progress }: DeviceView): string => (progress === null ? why : `${bar(progress, 10)} ${why}`);

/** `3 boards: 1 failed, 2 ready`. */
function counts(devices: readonly DeviceView[], { width, wide }: Look): string {
  const byState = new Map<string, number>();
  for (const { state } of inOrder(devices)) byState.set(state, (byState.get(state) ?? 0) + 1);
  const parts = [...byState].map(([state, count]) => `${count} ${state}`);
  const text = harmless(`${devices.length} board${devices.length === 1 ? '' : 's'}: ${parts.join(', ')}`);
  return (wide ? [text] : wrapped(text, width)).map((line) => `${line}\n`).join('');
}

/** The daemon's advice, or what there is to do when it has none; never empty. */
export function nextSteps({ master, devices }: StatusView): readonly string[] {
  if (master.advice.length > 0) return master.advice;
  if (devices.length === 0) return ['plug in a Pi: power and network cable are enough'];
  return [devices.every((device) => device.state === 'ready' || isOut(device)) ? 'nothing to do' : 'wait'];
}
