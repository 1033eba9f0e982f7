/** Backups by themselves: soon after the start, then daily, and only of what changed (an SD card wears out). */
import { minutes } from '../../config/values.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store/store.ts';

/** Not at the start: a daemon that is started again and again would push the week's backups out. */
export const FIRST_BACKUP = minutes(30);
export const BACKUPS_EVERY = minutes(24 * 60);

/** Settles when the signal is aborted; never rejects. What goes wrong is told, and tried again the next day. */
export async function keepBackups(
  store: Pick<Store, 'backUp'>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  for (let wait = FIRST_BACKUP; !signal.aborted; wait = BACKUPS_EVERY) {
    await clock.sleep(wait, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const backup = await store.backUp(clock.now());
      if (backup !== undefined) log.info('the database is backed up', { ...backup });
    } catch (error) {
      if (!signal.aborted) log.warn('no backup of the database', { error });
    }
  }
}
