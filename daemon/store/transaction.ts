/** All writing, in the writer thread: a group of batches in one transaction, each batch a savepoint of its own. */
import type { Database } from 'better-sqlite3';
import { assertNever } from '../../config/result.ts';
import { devicePutter } from './devices.ts';
import { effectsPutter } from './effects.ts';
import { type StoreErrorCode, storeErrorCode } from './error.ts';
import { eventAppender } from './events.ts';
import { guestPutter } from './guests.ts';
import type { StoreCounters, Write } from './store.ts';

export type Outcome =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly code: StoreErrorCode; readonly message: string };

export type GroupWriter = {
  readonly revision: () => number;
  readonly counters: () => StoreCounters;
  /** One outcome per batch, in their order. Never throws. */
  readonly write: (batches: readonly (readonly Write[])[]) => readonly Outcome[];
};

/** `beforeCommit` runs while the transaction is open. */
export function createGroupWriter(database: Database, beforeCommit: () => void = () => {}): GroupWriter {
  const apply = writeApplier(database);
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const rollback = database.prepare('ROLLBACK');
  const savepoint = database.prepare('SAVEPOINT batch');
  const release = database.prepare('RELEASE batch');
  const rollbackBatch = database.prepare('ROLLBACK TO batch');
  const setRevision = database.prepare('UPDATE meta SET revision = ? WHERE only = 1');
  let revision = Number(database.prepare('SELECT revision FROM meta WHERE only = 1').pluck().get());
  let [transactions, batchCount, rejected] = [0, 0, 0];

  /** Throws if SQLite gave the whole transaction up, which it does on a full disk and on IO errors. */
  const writeBatch = (batch: readonly Write[], next: number): Outcome => {
    savepoint.run();
    try {
      const changes = batch.reduce((sum, write) => sum + apply(write), 0);
      release.run();
      return { ok: true, revision: changes > 0 ? next + 1 : next };
    } catch (error) {
      if (!database.inTransaction) throw error;
      rollbackBatch.run();
      release.run();
      return failed(error);
    }
  };

  const writeGroup = (batches: readonly (readonly Write[])[]): readonly Outcome[] => {
    try {
      begin.run();
      let next = revision;
      const outcomes = batches.map((batch) => {
        const outcome = writeBatch(batch, next);
        if (outcome.ok) next = outcome.revision;
        return outcome;
      });
      if (next !== revision) setRevision.run(next);
      beforeCommit();
      commit.run();
      transactions += next === revision ? 0 : 1;
      revision = next;
      return outcomes;
    } catch (error) {
      if (database.inTransaction) rollback.run();
      // One that is too big for what is left of the disk must not take the others with it.
      return batches.length > 1 ? batches.flatMap((batch) => writeGroup([batch])) : [failed(error)];
    }
  };

  return {
    revision: () => revision,
    counters: () => ({ transactions, batches: batchCount, rejected }),
    write: (batches) => {
      const outcomes = writeGroup(batches);
      batchCount += batches.length;
      rejected += outcomes.filter((outcome) => !outcome.ok).length;
      return outcomes;
    },
  };
}

const failed = (error: unknown): Outcome => ({
  ok: false,
  code: storeErrorCode(error),
  message: error instanceof Error ? error.message : String(error),
});

/** Carries one write out and returns how many rows changed; 0 is "as it was". */
function writeApplier(database: Database): (write: Write) => number {
  const putDevice = devicePutter(database);
  const putEffects = effectsPutter(database);
  const appendEvent = eventAppender(database);
  const putGuest = guestPutter(database);
  const deleteDevice = database.prepare('DELETE FROM devices WHERE id = ?');
  const putSetting = database.prepare(`
    INSERT INTO settings (key, value) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value`);
  const deleteSetting = database.prepare('DELETE FROM settings WHERE key = ?');
  const putSecret = database.prepare(`
    INSERT INTO board_secrets (device, key, value) VALUES (?, ?, ?)
    ON CONFLICT (device, key) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value`);
  const deleteSecret = database.prepare('DELETE FROM board_secrets WHERE device = ? AND key = ?');

  return (write) => {
    switch (write.write) {
      case 'put-device':
        return putDevice(write.device);
      case 'delete-device':
        return deleteDevice.run(write.device).changes;
      case 'append-event':
      case 'append-notice':
        return appendEvent(write);
      case 'set-effects':
        return putEffects(write.device, write.effects);
      case 'put-setting':
        return putSetting.run(write.key, write.value).changes;
      case 'delete-setting':
        return deleteSetting.run(write.key).changes;
      case 'put-guest':
        return putGuest(write.client, write.address);
      case 'put-board-secret':
        return putSecret.run(write.device, write.key, write.value).changes;
      case 'delete-board-secret':
        return deleteSecret.run(write.device, write.key).changes;
      default:
        return assertNever(write);
    }
  };
}
