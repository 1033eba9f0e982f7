import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { type HostKeys, hostKeys } from '../../../../daemon/app/boards/host-keys.ts';
import type { StateName } from '../../../../daemon/lifecycle/device.ts';
import type { EventName } from '../../../../daemon/lifecycle/event.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { aDevice, events, START } from '../../../support/boards.ts';

const board = aDevice();

/** Secrets in memory (double): a commit is read only once it has settled, as it is of the real store. */
function storeDouble() {
  const secrets = new Map<string, string>();
  let failures = 0;
  return {
    secrets,
    readBoardSecret: (device: string, key: string) => secrets.get(`${device} ${key}`),
    commit: async (batch: readonly Write[]) => {
      await setImmediate();
      if (failures-- > 0) throw new Error('disk full');
      for (const write of batch) {
        if (write.write === 'put-board-secret') secrets.set(`${write.device} ${write.key}`, write.value);
        if (write.write === 'delete-board-secret') secrets.delete(`${write.device} ${write.key}`);
      }
      return secrets.size;
    },
    fail: () => {
      failures = 1;
    },
  };
}

const happened = (event: EventName, to: StateName): Extract<Write, { write: 'append-event' }> => ({
  ...{ write: 'append-event', device: board.id, at: START, event: events[event], from: 'accepted', to, reason: '' },
});

async function begins(keys: HostKeys, store: ReturnType<typeof storeDouble>, event: EventName, to: StateName) {
  await store.commit(keys.withInstallations([happened(event, to)]));
}

test('two images of one board that are made at once have the same host key, the one that is kept', async (t) => {
  const keys = hostKeys(storeDouble());
  t.is(keys.stored(board), undefined);
  t.deepEqual(keys.accepted(board), []);
  const [one, other] = await Promise.all([keys.forImage(board), keys.forImage(board)]);
  t.deepEqual(one, other);
  t.deepEqual(keys.stored(board), one);
  t.deepEqual(await keys.forImage(board), one);
  t.deepEqual(keys.accepted(board), [one.publicLine]);
});

test('a host key that could not be written is nobody’s: the next calls make one', async (t) => {
  const store = storeDouble();
  const keys = hostKeys(store);
  store.fail();
  const [failed, second, third] = [keys.forImage(board), keys.forImage(board), keys.forImage(board)];
  await t.throwsAsync(failed, { message: 'disk full' });
  t.deepEqual(await second, await third);
  t.deepEqual(await second, keys.stored(board));
});

test('a planned key is as good as the image’s; once pinned it is the only one', async (t) => {
  const store = storeDouble();
  const keys = hostKeys(store);
  const image = await keys.forImage(board);
  const [own, same] = await Promise.all([keys.own.plan(board), keys.own.plan(board)]);
  t.deepEqual(own, same);
  t.not(own.publicLine, image.publicLine);
  t.deepEqual(keys.accepted(board), [own.publicLine, image.publicLine]);
  t.is(keys.own.pinned(board.id), undefined);
  // Another process, as after a crash.
  t.deepEqual(await hostKeys(store).own.plan(board), own);
  await keys.own.pin(board.id);
  t.deepEqual(hostKeys(store).accepted(board), [own.publicLine]);
  t.is(keys.own.pinned(board.id), own.publicLine);
});

test('a new installation has a new key, and takes the old system’s place in the commit in which it begins', async (t) => {
  for (const [event, to] of [
    ['image-made', 'installing'],
    ['card-made', 'starting'],
  ] as const) {
    const store = storeDouble();
    const keys = hostKeys(store);
    const first = await keys.forImage(board);
    await begins(keys, store, event, to);
    t.deepEqual(keys.accepted(board), [first.publicLine], 'nothing was known of another system');
    const own = await keys.own.plan(board);
    await keys.own.pin(board.id);
    const second = await keys.forImage(board);
    t.false([first.publicLine, own.publicLine].includes(second.publicLine));
    t.deepEqual(keys.stored(board), second);
    t.deepEqual(keys.accepted(board), [own.publicLine], 'the old system is the one that runs, until the event');
    await begins(keys, store, event, to);
    t.deepEqual(keys.accepted(board), [second.publicLine]);
    t.is(keys.own.pinned(board.id), undefined);
    t.not((await keys.own.plan(board)).publicLine, own.publicLine);
  }
});

test('other events, and a copy of an image that is on its way already, change no key', async (t) => {
  const store = storeDouble();
  const keys = hostKeys(store);
  await keys.forImage(board);
  await keys.own.plan(board);
  await keys.forImage(board);
  for (const write of [happened('card-made', 'installing'), happened('ssh-answered', 'joining')])
    t.deepEqual(keys.withInstallations([write]), [write]);
});

test('the node password is the board’s for good, whatever else becomes of it', async (t) => {
  const store = storeDouble();
  const keys = hostKeys(store);
  const [one, other] = await Promise.all([keys.nodePassword(board), keys.nodePassword(board)]);
  t.regex(one, /^[0-9a-f]{32}$/);
  t.is(one, other);
  await keys.own.plan(board);
  await begins(keys, store, 'image-made', 'installing');
  t.is(await hostKeys(store).nodePassword(board), one);
});
