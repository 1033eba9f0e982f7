/** From what is in memory and on disk to what the API shows. Pure. */
import type { Instant } from '../../../config/values.ts';
import { since } from '../../../config/values.ts';
import type { Mark } from '../../boot/timeline.ts';
import type { DeviceDescription, DeviceView, DiskView, EventView, GuestView, TimelineEntry } from '../../http/wire.ts';
import { type Device, type DiskReport, reportOf } from '../../lifecycle/device.ts';
import { explain, nextDeed } from '../../lifecycle/explain.ts';
import type { EventRow } from '../../store/store.ts';
import type { Guest } from '../network/guests.ts';

const rfc3339 = (moment: Instant): string => new Date(moment).toISOString();

export const deviceView = (device: Device, progress: number | undefined, isAdoptable = false): DeviceView => ({
  id: device.id,
  name: device.name,
  address: device.address ?? null,
  macs: device.macs,
  serials: device.serials,
  model: device.model?.model ?? null,
  state: device.state.name,
  why: explain(device, isAdoptable),
  deed: nextDeed(device, isAdoptable) ?? null,
  adoptable: isAdoptable,
  since: rfc3339(device.since),
  deadline: device.deadline === undefined ? null : rfc3339(device.deadline),
  progress: progress ?? null,
});

export const guestView = ({ address, mac, hostname }: Guest): GuestView => ({
  address,
  mac: mac ?? null,
  hostname: hostname ?? null,
});

/** `nameOf`: the board's name now; events keep the id, which never changes. */
export const eventView = (row: EventRow, nameOf: (row: EventRow) => string): EventView => ({
  id: row.id,
  at: rfc3339(row.at),
  device: nameOf(row),
  event: row.name,
  from: row.from,
  to: row.to,
  reason: row.reason,
});

function diskView(disk: DiskReport | undefined): DiskView | null {
  if (disk === undefined) return null;
  const { name, type, model, bytes, content } = disk;
  return { name, type, model, bytes, content };
}

export type History = {
  readonly rows: readonly EventRow[];
  readonly marks: readonly Mark[];
  readonly installerLog: readonly string[];
  readonly hostKeys: readonly string[];
  readonly isAdoptable: boolean;
};

export function describeDevice(
  device: Device,
  progress: number | undefined,
  { rows, marks, installerLog, hostKeys, isAdoptable }: History,
): DeviceDescription {
  const report = reportOf(device.state);
  return {
    ...deviceView(device, progress, isAdoptable),
    firstSeen: rfc3339(device.firstSeen),
    disk: diskView(report?.disk ?? device.disk),
    memoryBytes: report?.memoryBytes || null,
    timeline: timeline(rows, marks),
    installerLog,
    failedOutput: device.state.name === 'failed' ? (device.state.output?.split('\n') ?? []) : [],
    hostKeys,
    events: rows.map((row) => eventView(row, () => device.name)),
  };
}

/** The packets of the last boot that was watched, and what became of the board since then; without one, its whole history. */
function timeline(rows: readonly EventRow[], marks: readonly Mark[]): readonly TimelineEntry[] {
  const start = marks[0]?.at ?? rows[0]?.at;
  if (start === undefined) return [];
  const moves = rows
    .filter((row) => row.at >= start && row.from !== row.to)
    .map((row) => ({ at: row.at, what: `${row.to}: ${row.reason}` }));
  return [...marks, ...moves]
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, what }) => ({ at: rfc3339(at), seconds: since(start, at) / 1000, what }));
}
