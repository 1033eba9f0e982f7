import test from 'ava';
import { STORE_TURN, watchStore } from '../../../daemon/app/watched-store.ts';
import type { Write } from '../../../daemon/store/store.ts';
import { createClockDouble } from '../../support/doubles.ts';

type StoreDouble = {
  full: boolean;
  hangs: boolean;
  writes: number;
  readonly revision: () => number;
  readonly commit: (batch: readonly Write[]) => Promise<number>;
};

/** Takes what is empty also when it is full, as SQLite does. */
function storeDouble(): StoreDouble {
  const store: StoreDouble = {
    full: false,
    hangs: false,
    writes: 0,
    revision: () => store.writes,
    commit: async (batch) => {
      if (store.hangs) return new Promise<never>(() => undefined);
      if (store.full && batch.length > 0) throw new Error('database or disk is full');
      store.writes += batch.length;
      return store.writes;
    },
  };
  return store;
}
const setting = { write: 'put-setting', key: 'k', value: 'v' } as const;

test('a write that is refused is told of until one is taken; it is tried, and without need nothing is written', async (t) => {
  const clock = createClockDouble();
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const store = storeDouble();
  const watched = watchStore(store);
  void watched.follow(clock, () => undefined, abort.signal);
  await clock.advance(STORE_TURN);
  t.is(store.writes, 0);
  store.full = true;
  await t.throwsAsync(watched.commit([setting]));
  await clock.advance(STORE_TURN);
  t.is(watched.failing().get('database'), 'database or disk is full');
  store.full = false;
  await clock.advance(STORE_TURN);
  t.is(watched.failing().size, 0);
  t.is(store.writes, 1);
  await clock.advance(STORE_TURN);
  t.is(store.writes, 1);
});

test('a turn for each answer of the writer, none while it hangs', async (t) => {
  const clock = createClockDouble();
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const store = storeDouble();
  let turns = 0;
  void watchStore(store).follow(clock, () => turns++, abort.signal);
  await clock.advance(STORE_TURN);
  t.is(turns, 2);
  store.hangs = true;
  await clock.advance(STORE_TURN);
  await clock.advance(STORE_TURN);
  t.is(turns, 2);
});
