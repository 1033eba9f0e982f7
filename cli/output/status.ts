/** The status for people. Pure. */
import type { DeviceView, StatusView, TrafficCounts, TrafficView } from '../../daemon/http/wire.ts';
import { type Column, cut, table } from './table.ts';
import { age, type Colour, harmless, type Paint } from './terminal.ts';

/** States in which the owner has something to do. They come first, and make `status` end with 2. */
const sickStates: readonly string[] = ['failed', 'unreachable', 'held', 'pending', 'local-boot-failed'];

export const isSick = ({ state }: DeviceView): boolean => sickStates.includes(state);

export const isDegraded = ({ devices, master }: StatusView): boolean =>
  devices.some(isSick) || !master.cluster.reachable;

/** Sick ones first, then those under way, then the ready ones, rejected ones last; by name within each. */
export const inOrder = (devices: readonly DeviceView[]): readonly DeviceView[] =>
  [...devices].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }));

function rank(device: DeviceView): number {
  if (isSick(device)) return 0;
  if (device.state === 'ready') return 2;
  return device.state === 'rejected' ? 3 : 1;
}

const colours: readonly (Colour | undefined)[] = ['red', 'yellow', 'green', 'dim'];

export type Look = { readonly width: number; readonly paint: Paint; readonly wide: boolean };

export function statusText(status: StatusView, look: Look): string {
  const { master, devices, strangers } = status;
  const where = master.address === null ? 'no usable interface' : `${master.interface} ${master.address}`;
  const { driver, reachable, detail } = master.cluster;
  const cluster = reachable ? `${driver} reachable` : `${driver} not reachable${detail === '' ? '' : `: ${detail}`}`;
  const head = `${master.hostname}  ${where}  dhcp ${master.dhcpMode}  admission ${master.admission}  ${cluster}`;
  const boards = devices.length === 0 ? 'No board yet.\n' : `${counts(devices)}\n\n${boardTable(status, look)}`;
  const inWidth = (line: string): string => (look.wide ? line : cut(line, look.width));
  const others = strangers.map(({ name, address }) => `${name} (${address})`).join(', ');
  const beside = others === '' ? '' : `\n${inWidth(harmless(`Pis with a system of their own: ${others}`))}\n`;
  const drops = look.wide ? `\n${dropsLine(master.traffic)}\n` : '';
  return `${inWidth(harmless(head))}\n${boards}${beside}${drops}\n${inWidth(`NEXT: ${harmless(nextStep(status))}`)}\n`;
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

function boardTable(status: StatusView, { width, paint, wide }: Look): string {
  const now = Date.parse(status.generatedAt);
  const extra: readonly Column<DeviceView>[] = [
    { title: 'MAC', text: ({ macs }) => macs.join(',') },
    { title: 'SERIAL', text: ({ serials }) => serials.join(',') },
    { title: 'ID', text: ({ id }) => id },
  ];
  const columns: readonly Column<DeviceView>[] = [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'MODEL', text: ({ model }) => model ?? '' },
    { title: 'IP', text: ({ address }) => address ?? '' },
    { title: 'STATE', text: stateOf, colour: (device) => colours[rank(device)] },
    { title: 'SINCE', text: ({ since }) => age(Date.parse(since), now) },
    ...(wide ? extra : []),
    { title: 'WHY', text: ({ why }) => why },
  ];
  return table(columns, inOrder(status.devices), { width: wide ? 0 : width, paint });
}

const stateOf = ({ state, progress }: DeviceView): string =>
  progress === null ? state : `${state} ${Math.floor(progress * 100)}%`;

/** `3 boards: 1 failed, 2 ready`. */
function counts(devices: readonly DeviceView[]): string {
  const byState = new Map<string, number>();
  for (const { state } of inOrder(devices)) byState.set(state, (byState.get(state) ?? 0) + 1);
  const parts = [...byState].map(([state, count]) => `${count} ${state}`);
  return `${devices.length} board${devices.length === 1 ? '' : 's'}: ${parts.join(', ')}`;
}

/** One line: the daemon's first advice, or what the sickest board needs. */
export function nextStep({ master, devices }: StatusView): string {
  const [advice] = master.advice;
  if (advice !== undefined) return advice;
  const named = (...states: readonly string[]): readonly string[] =>
    inOrder(devices.filter(({ state }) => states.includes(state))).map(({ name }) => name);
  const [failed] = named('failed', 'local-boot-failed');
  if (failed !== undefined) return `bramble describe ${failed}, then bramble retry ${failed}`;
  const [unreachable] = named('unreachable');
  if (unreachable !== undefined) return `check power and cable of ${unreachable}`;
  const [held] = named('held');
  if (held !== undefined) return `bramble describe ${held}`;
  const pending = named('pending');
  if (pending.length > 0) return `bramble accept ${pending.join(' ')}`;
  if (!master.cluster.reachable) return 'check the control plane: it does not answer';
  if (devices.length === 0) return 'plug in a Pi: power and network cable are enough';
  return devices.every(({ state }) => state === 'ready' || state === 'rejected') ? 'nothing to do' : 'wait';
}
