import test from 'ava';
import { type Instant, instant } from '../../../config/values.ts';
import { BACKUPS_EVERY, FIRST_BACKUP, keepBackups } from '../../../daemon/app/backups.ts';
import { createLogDouble } from '../../support/doubles.ts';

test('backups: some time after the start, then daily; a failure is told, and tried again', async (t) => {
  const stop = new AbortController();
  const log = createLogDouble();
  const waited: number[] = [];
  const made: Instant[] = [];
  const clock = {
    now: () => instant(waited.length),
    sleep: async (duration: number) => {
      waited.push(duration);
      if (waited.length === 4) stop.abort();
    },
  };
  const backUp = async (now: Instant) => {
    made.push(now);
    if (made.length === 2) throw new Error('the disk is full');
    return made.length === 1 ? { file: 'b', revision: 7 } : undefined;
  };
  await keepBackups({ backUp }, { clock, log }, stop.signal);
  t.deepEqual(waited, [FIRST_BACKUP, BACKUPS_EVERY, BACKUPS_EVERY, BACKUPS_EVERY]);
  t.deepEqual(made, [1, 2, 3]);
  t.deepEqual(
    log.records.map(({ level, message }) => [level, message]),
    [
      ['info', 'the database is backed up'],
      ['warn', 'no backup of the database'],
    ],
  );
});
