import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { hostKeys } from '../../../../daemon/app/boards/host-keys.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { aDevice } from '../../../support/boards.ts';

/** Secrets in memory (double): a commit is read only once it has settled, as it is of the real store. */
function storeDouble() {
  const secrets = new Map<string, string>();
  let failures = 0;
  return {
    readBoardSecret: (device: string, key: string) => secrets.get(`${device} ${key}`),
    commit: async (batch: readonly Write[]) => {
      await setImmediate();
      if (failures-- > 0) throw new Error('disk full');
      for (const write of batch)
        if (write.write === 'put-board-secret') secrets.set(`${write.device} ${write.key}`, write.value);
      return secrets.size;
    },
    fail: () => {
      failures = 1;
    },
  };
}

test('two images of one board that are made at once have the same host key, the one that is kept', async (t) => {
  const keys = hostKeys(storeDouble());
  const board = aDevice();
  t.is(keys.stored(board), undefined);
  const [one, other] = await Promise.all([keys.forImage(board), keys.forImage(board)]);
  t.deepEqual(one, other);
  t.deepEqual(keys.stored(board), one);
  t.deepEqual(await keys.forImage(board), one);
});

test('a host key that could not be written is nobody’s: the next call makes one', async (t) => {
  const store = storeDouble();
  const keys = hostKeys(store);
  store.fail();
  await t.throwsAsync(keys.forImage(aDevice()), { message: 'disk full' });
  t.is(keys.stored(aDevice()), undefined);
  t.deepEqual(await keys.forImage(aDevice()), keys.stored(aDevice()));
});
