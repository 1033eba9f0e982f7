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

type Happened = Extract<Write, { write: 'append-event' }>;
const happened = (event: EventName, to: StateName, from: StateName = 'accepted'): Happened => ({
  ...{ write: 'append-event', device: board.id, at: START, event: events[event], from, to, reason: '' },
});

async function begins(keys: HostKeys, store: ReturnType<typeof storeDouble>, ...what: Parameters<typeof happened>) {
  await store.commit(keys.withInstallations([happened(...what)]));
}

/** Its old system runs, and its card is made. */
async function withCard() {
  const store = storeDouble();
  const keys = hostKeys(store);
  await keys.forImage(board);
  const own = await keys.own.plan(board);
  await keys.own.pin(board.id);
  const card = await keys.forImage(board);
  await begins(keys, store, 'card-made', 'starting');
  return { store, keys, own, card };
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

test('a card that is called off shuts nobody out: the system before it is known again, and that of the card, too', async (t) => {
  for (const [event, to] of [
    ['reject-requested', 'rejected'],
    ['reinstall-requested', 'reinstalling'],
  ] as const) {
    const { store, keys, own, card } = await withCard();
    t.deepEqual(keys.accepted(board), [card.publicLine], 'the old system is not taken for the card’s');
    await begins(keys, store, 'dhcp-seen', 'starting', 'starting');
    t.deepEqual(keys.accepted(board), [card.publicLine]);
    await begins(keys, store, event, to, 'starting');
    // Another process, as after a crash.
    const later = hostKeys(store);
    t.deepEqual(later.accepted(board), [own.publicLine, card.publicLine], event);
    t.is(later.own.pinned(board.id), undefined, 'which of them it is, it has to show');
    t.deepEqual(await later.own.plan(board), own);
    await later.own.pin(board.id);
    t.deepEqual(later.accepted(board), [own.publicLine]);
    t.false([...store.secrets.keys()].some((key) => key.includes('aside')));
  }
});

test('a card that is made twice, or anew after it was called off, forgets the system before it no sooner', async (t) => {
  const { store, keys, own } = await withCard();
  await begins(keys, store, 'card-made', 'starting', 'starting');
  await begins(keys, store, 'reject-requested', 'rejected', 'starting');
  t.is(keys.accepted(board)[0], own.publicLine);
  const card = await keys.forImage(board);
  await begins(keys, store, 'card-made', 'starting', 'starting');
  t.deepEqual(keys.accepted(board), [card.publicLine]);
  await begins(keys, store, 'reject-requested', 'rejected', 'starting');
  t.deepEqual(keys.accepted(board), [own.publicLine, card.publicLine]);
});

test('once the card’s system answers, or another installation begins, the key of the system before it is gone', async (t) => {
  for (const [event, to] of [
    ['ssh-answered', 'joining'],
    ['image-made', 'installing'],
  ] as const) {
    const { store, keys, own, card } = await withCard();
    await begins(keys, store, event, to, 'starting');
    t.deepEqual(keys.accepted(board), [card.publicLine], event);
    t.false([...store.secrets.values()].includes(own.privateOpenssh));
    await begins(keys, store, 'reject-requested', 'rejected', 'starting');
    t.deepEqual(keys.accepted(board), [card.publicLine]);
  }
});

test('a first login takes along a key that was made for it: none of an earlier life, and the same at another try', async (t) => {
  const { store, keys, own, card } = await withCard();
  await begins(keys, store, 'reject-requested', 'rejected', 'starting');
  await keys.own.pin(board.id);
  await begins(keys, store, 'adopt-requested', 'adopting', 'seen');
  t.deepEqual(keys.accepted(board), []);
  const kept = [...store.secrets.values()];
  t.false(kept.includes(own.privateOpenssh) || kept.includes(card.privateOpenssh));
  const fresh = await keys.own.plan(board);
  t.not(fresh.publicLine, own.publicLine);
  await begins(keys, store, 'retry-requested', 'adopting', 'failed');
  t.deepEqual(await hostKeys(store).own.plan(board), fresh);
  await keys.own.pin(board.id);
  await begins(keys, store, 'adopted', 'starting', 'adopting');
  t.deepEqual(keys.accepted(board), [fresh.publicLine]);
});
