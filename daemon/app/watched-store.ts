/** Whether the database answers and takes what is written: what `/readyz` and the status say about it. */
import { seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { Store } from '../store/store.ts';

export type WatchedStore = Pick<Store, 'commit'> & {
  /** `database` and why its last write was refused; empty since one was taken. */
  readonly failing: () => ReadonlyMap<string, string>;
  /** Settles when the signal is aborted. `onTurn` is called whenever the writer has answered, whatever it said. */
  readonly follow: (clock: Pick<Clock, 'sleep'>, onTurn: () => void, signal: AbortSignal) => Promise<void>;
};

export const STORE_TURN = seconds(20);

export function watchStore(store: Pick<Store, 'commit' | 'revision'>): WatchedStore {
  let problem: string | undefined;

  const commit: Store['commit'] = async (batch) => {
    const before = store.revision();
    try {
      const revision = await store.commit(batch);
      // A batch that changes nothing is taken by a full disk, too.
      if (revision > before) problem = undefined;
      return revision;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      throw error;
    }
  };

  /** An empty batch goes all the way to the writer and costs the disk nothing; only after a refusal something is tried. */
  const ask = (): Promise<number> =>
    problem === undefined
      ? store.commit([])
      : commit([{ write: 'put-setting', key: 'store.tried', value: `after revision ${store.revision()}` }]);

  async function follow(clock: Pick<Clock, 'sleep'>, onTurn: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await ask().then(onTurn, onTurn);
      await clock.sleep(STORE_TURN, signal).catch(() => undefined);
    }
  }

  const failing = (): ReadonlyMap<string, string> => new Map(problem === undefined ? [] : [['database', problem]]);
  return { commit, failing, follow };
}
