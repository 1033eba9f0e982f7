/** What is on disk, as the rest of the daemon sees it: no SQL, no rows, only devices, events, effects and settings. */
import type { DeviceId, Instant, Ipv4 } from '../../config/values.ts';
import type { Device } from '../lifecycle/device.ts';
import type { Effect } from '../lifecycle/effect.ts';
import type { LifecycleEvent } from '../lifecycle/event.ts';
import type { Write as LifecycleWrite } from '../lifecycle/runner.ts';
import type { Backup } from './backup.ts';
import type { StoreError } from './error.ts';

export type Store = {
  /** Devices, pending effects, settings and guests, read in one transaction. */
  readonly snapshot: () => Snapshot;
  /**
   * All of the batch or nothing of it. Settles with the revision once it is on the disk (fsync), rejects with a
   * `StoreError`; whatever waits meanwhile shares the next fsync. A batch that changes nothing writes nothing and keeps
   * the revision. Within a batch the order counts: give a name up before another device takes it.
   */
  readonly commit: (batch: readonly Write[]) => Promise<number>;
  /** Ascending by id. With `after`: the first `limit` younger than it. Without: the last `limit`. */
  readonly events: (query: EventQuery) => readonly EventRow[];
  /** All that is kept of one device (`eventsPerDevice` at most), oldest first. */
  readonly deviceEvents: (device: DeviceId) => readonly EventRow[];
  readonly readBoardSecret: (device: DeviceId, key: string) => string | undefined;
  /**
   * A sound copy below `backups/`; commits go on meanwhile. Undefined: nothing changed since the last one, and nothing is
   * written. Rejects with a `StoreError`.
   */
  readonly backUp: (now: Instant) => Promise<Backup | undefined>;
  /** Of the last acknowledged commit. */
  readonly revision: () => number;
  readonly counters: () => StoreCounters;
  /** What SQLite finds wrong with the file; empty when all is well. Reads the whole file. */
  readonly integrity: () => readonly string[];
  /** Settles (never rejects) if the writer dies by itself; commits reject from then on and only a restart helps. */
  readonly died: Promise<StoreError>;
  /** Refuses new commits, finishes those that wait, closes the file. */
  readonly close: () => Promise<void>;
};

export type Snapshot = {
  readonly revision: number;
  /** In the order in which they were first seen. */
  readonly devices: readonly Device[];
  /** Only devices that have any. */
  readonly effects: ReadonlyMap<DeviceId, readonly Effect[]>;
  readonly settings: ReadonlyMap<string, string>;
  /** The address of each guest, by its client identifier or hardware address. */
  readonly guests: ReadonlyMap<string, Ipv4>;
};

/** What the life of boards writes, and what else is kept. `delete-device` takes its events, effects and secrets with it. */
export type Write =
  | LifecycleWrite
  /** An event of no board: `name` as an event's, `reason` for people. */
  | { readonly write: 'append-notice'; readonly at: Instant; readonly name: string; readonly reason: string }
  | { readonly write: 'delete-setting'; readonly key: string }
  /** Takes the address from whoever had it. */
  | { readonly write: 'put-guest'; readonly client: string; readonly address: Ipv4 }
  | { readonly write: 'put-board-secret'; readonly device: DeviceId; readonly key: string; readonly value: string }
  | { readonly write: 'delete-board-secret'; readonly device: DeviceId; readonly key: string };

export type EventQuery = { readonly after?: number; readonly device?: DeviceId; readonly limit: number };

export type EventRow = {
  /** Grows for ever, also over deletions. */
  readonly id: number;
  /** Undefined: of no board. */
  readonly device: DeviceId | undefined;
  readonly at: Instant;
  /** The event's name, also where this version does not know it any more. */
  readonly name: string;
  /** `undefined` of no board, and if another version wrote it in a form that this one cannot read. */
  readonly event: LifecycleEvent | undefined;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
};

/** Since the start: `transactions` is also the number of fsyncs, so `batches / transactions` is what grouping won. */
export type StoreCounters = { readonly transactions: number; readonly batches: number; readonly rejected: number };

/** And of no board. The oldest beyond it are dropped in the transaction that appends. */
export const eventsPerDevice = 200;
