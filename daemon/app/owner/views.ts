/** From what is in memory and on disk to what the API shows. Pure. */
import type { Instant } from '../../../config/values.ts';
import type { Diagnosis } from '../../boot/diagnosis.ts';
import type { Boot } from '../../boot/timeline.ts';
import type {
  DeviceDescription,
  DeviceView,
  DiagnosisView,
  DiskView,
  EventView,
  GuestView,
  HealthView,
} from '../../http/wire.ts';
import { type Device, type DiskReport, reportOf } from '../../lifecycle/device.ts';
import { explain, nextDeed } from '../../lifecycle/explain.ts';
import type { EventRow } from '../../store/store.ts';
import type { Guest } from '../network/guests.ts';
import { bootView, timelineView } from './boot-view.ts';

const rfc3339 = (moment: Instant): string => new Date(moment).toISOString();

/** `diagnosis`: why a board stands still that should get on by itself. */
export function deviceView(
  device: Device,
  progress: number | undefined,
  isAdoptable = false,
  diagnosis?: Diagnosis,
): DeviceView {
  const deed = nextDeed(device, isAdoptable);
  const standstill = deed === undefined && diagnosis?.stops ? diagnosis : undefined;
  return {
    id: device.id,
    name: device.name,
    address: device.address ?? null,
    macs: device.macs,
    serials: device.serials,
    model: device.model?.model ?? null,
    state: device.state.name,
    why: standstill?.sentence ?? explain(device, isAdoptable),
    deed: deed ?? standstill?.deed ?? null,
    adoptable: isAdoptable,
    since: rfc3339(device.since),
    deadline: device.deadline === undefined ? null : rfc3339(device.deadline),
    progress: progress ?? null,
  };
}

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

const diagnosisView = ({ code, sentence, deed }: Diagnosis): DiagnosisView => ({ code, sentence, deed });

function diskView(disk: DiskReport | undefined): DiskView | null {
  if (disk === undefined) return null;
  const { name, type, model, bytes, content } = disk;
  return { name, type, model, bytes, content };
}

export type History = {
  readonly rows: readonly EventRow[];
  /** Oldest first. */
  readonly boots: readonly Boot[];
  readonly diagnosis: Diagnosis | undefined;
  readonly health: HealthView | undefined;
  readonly installerLog: readonly string[];
  readonly hostKeys: readonly string[];
  readonly isAdoptable: boolean;
};

export function describeDevice(
  device: Device,
  progress: number | undefined,
  { rows, boots, diagnosis, health, installerLog, hostKeys, isAdoptable }: History,
): DeviceDescription {
  const report = reportOf(device.state);
  return {
    ...deviceView(device, progress, isAdoptable, diagnosis),
    firstSeen: rfc3339(device.firstSeen),
    disk: diskView(report?.disk ?? device.disk),
    memoryBytes: report?.memoryBytes || null,
    timeline: timelineView(rows, boots.at(-1)),
    earlierBoots: boots.slice(0, -1).map(bootView),
    diagnosis: diagnosis === undefined ? null : diagnosisView(diagnosis),
    health: health ?? null,
    installerLog,
    failedOutput: device.state.name === 'failed' ? (device.state.output?.split('\n') ?? []) : [],
    hostKeys,
    events: rows.map((row) => eventView(row, () => device.name)),
  };
}
