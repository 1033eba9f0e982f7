import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must, ok, problem } from '../../../../config/result.ts';
import { parseIpv4 } from '../../../../config/values.ts';
import { type CardDeskDeps, cardDesk } from '../../../../daemon/app/boards/cards.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { memorySource } from '../../../../image-builder/index.ts';
import { aDevice, START, states } from '../../../support/boards.ts';

const config = parseConfig('');
const image = memorySource(new Uint8Array(1024));
const files = { device: '', base: '', format: '', made: false, notes: [], files: [] };

function desk(known: Device | undefined, more: Partial<CardDeskDeps> = {}) {
  if (!config.ok) throw new Error('the configuration of this test is wrong');
  const boards = known === undefined ? [] : [known];
  const done: string[] = [];
  const cards = cardDesk({
    config: config.value,
    identity: { clusterId: 'c0ffee', clusterKey: new Uint8Array(32) },
    images: {
      whole: async (device) => {
        done.push(`image of ${device.name}`);
        return ok(image);
      },
      files: async () => ok(files),
      bytesFor: async () => ok(1024),
      findKit: async () => problem('NO_BASE', 'no base image is imported'),
    },
    installer: { initramfs: async () => ok(new Uint8Array(8)) },
    eeproms: { forCard: async () => ok(undefined) },
    site: () => ({ address: must(parseIpv4('192.168.1.10')) }),
    boardNamed: (name) => boards.find((board) => board.name === name || board.id === name),
    expect: async (name, by) => {
      done.push(`${name} expected by ${by}`);
      const board = aDevice(states.seen, { name, macs: [] });
      boards.push(board);
      return ok(board);
    },
    dispatch: async (id, event) => {
      const board = boards.find((one) => one.id === id);
      if (board === undefined) return problem('DEVICE_GONE', 'gone');
      const next = transition(board, event, START);
      done.push(`${board.name} ${next.outcome} to ${next.device.state.name}`);
      return ok(next);
    },
    hasRival: () => false,
    signal: new AbortController().signal,
    ...more,
  });
  return { ...cards, done };
}

const wish = { by: 'anna', most: undefined, isNew: false };
const newWish = { ...wish, isNew: true };

test('a board that is being installed: its image as its disk gets it, and nothing changes', async (t) => {
  const device = aDevice(states.installing);
  const { boardImage, done } = desk(device);
  const made = must(await boardImage(device.name, wish));
  t.is(made.source, image);
  t.regex(made.notes.join(), /its disk gets the same bytes/);
  t.deepEqual(done, ['image of worker-kube1', 'worker-kube1 noted to installing']);
});

test('any other board is expected with its card, once there is an image', async (t) => {
  for (const state of [states.seen, states.unreachable, states.starting, states.failed]) {
    const { boardImage, done } = desk(aDevice(state));
    const made = must(await boardImage('worker-kube1', wish));
    t.regex(made.notes.join(), /expected to start from it/, state.name);
    t.notRegex(made.notes.join(), /under another name/, 'its boot ROM is known');
    t.deepEqual(done, ['image of worker-kube1', 'worker-kube1 moved to starting'], state.name);
  }
});

test('a name that no board has becomes one if that is said, and is a slip of the pen otherwise', async (t) => {
  const { boardImage, done } = desk(undefined);
  t.deepEqual(
    await boardImage('rack-a-7', wish),
    problem('NOT_FOUND', 'no board rack-a-7; --new makes one of that name'),
  );
  t.deepEqual(done, []);
  const made = must(await boardImage('rack-a-7', newWish));
  t.regex(made.notes[0] ?? '', /^a new board is expected from now on: rack-a-7, 10\.\S+; .*bramble reject rack-a-7/);
  t.regex(made.notes.join(), /asks the network before its card is first seen under another name/);
  t.deepEqual(done, ['rack-a-7 expected by anna', 'image of rack-a-7', 'rack-a-7 moved to starting']);
  for (const name of ['Rack_A', 'd-0123456789ab']) {
    const refused = await desk(undefined).boardImage(name, newWish);
    t.is(refused.ok ? '' : refused.error.code, 'NOT_FOUND', name);
  }
});

test('what is in the way is told before a board is made up or an image made', async (t) => {
  const images = {
    whole: () => Promise.reject(new Error('not asked')),
    files: async () => ok(files),
    bytesFor: async () => ok(1024),
    findKit: async () => problem('NO_BASE', ''),
  };
  const small = desk(undefined, { images });
  const tooLarge = await small.boardImage('rack-a-7', { ...newWish, most: 1023 });
  t.is(tooLarge.ok ? '' : tooLarge.error.code, 'TOO_LARGE');
  const none = { ...images, files: async () => problem('NO_BASE', 'no base image is imported') };
  const baseless = desk(undefined, { images: none });
  t.like(await baseless.boardImage('rack-a-7', newWish), { ok: false, error: { code: 'NOT_READY' } });
  t.deepEqual([...small.done, ...baseless.done], []);
});

test('a board that takes no card is refused before its image is made; one that changed meanwhile, with the image closed', async (t) => {
  const none = desk(aDevice(states.ready));
  t.like(await none.boardImage('worker-kube1', wish), { ok: false, error: { code: 'CONFLICT' } });
  t.deepEqual(none.done, []);
  let closed = 0;
  const source = { ...image, close: async () => void closed++ };
  const late = desk(aDevice(states.unreachable), {
    images: {
      whole: async () => ok(source),
      files: async () => ok(files),
      bytesFor: async () => ok(1024),
      findKit: async () => problem('NO_BASE', ''),
    },
    dispatch: async (_, event) => ok(transition(aDevice(states.ready), event, START)),
  });
  t.like(await late.boardImage('worker-kube1', wish), { ok: false, error: { code: 'CONFLICT' } });
  t.is(closed, 1);
});

test('no card for a board that runs, is decided against, or shares its address', async (t) => {
  const refusal = async (device: Device, more: Partial<CardDeskDeps> = {}): Promise<string> => {
    const made = await desk(device, more).boardImage(device.name, wish);
    return made.ok ? 'made' : `${made.error.code} ${made.error.detail}`;
  };
  t.regex(await refusal(aDevice(states.ready)), /^CONFLICT .*switch it off first/);
  t.regex(await refusal(aDevice(states.joining)), /^CONFLICT .*switch it off first/);
  t.regex(await refusal(aDevice(states.reinstalling)), /^CONFLICT worker-kube1: .*join card/);
  t.regex(await refusal(aDevice(states.rejected)), /^CONFLICT worker-kube1: /);
  t.regex(await refusal(aDevice(states.accepted)), /^CONFLICT worker-kube1: /);
  t.regex(await refusal(aDevice(states.seen), { hasRival: () => true }), /^CONFLICT another device uses/);
});

test('a join card needs a network to name, and a kit', async (t) => {
  const nowhere = await desk(undefined, { site: () => undefined }).joinCard(undefined);
  t.like(nowhere, { ok: false, error: { code: 'NOT_READY' } });
  const kitless = await desk(undefined).joinCard(undefined);
  t.regex(kitless.ok ? '' : kitless.error.detail, /no base image is imported/);
  const unclear = await desk(undefined, {
    eeproms: { forCard: async () => problem('CONFLICT', 'which one?') },
  }).joinCard(undefined);
  t.like(unclear, { ok: false, error: { code: 'CONFLICT' } });
});
