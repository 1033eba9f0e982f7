import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must, ok, problem } from '../../../../config/result.ts';
import { parseIpv4 } from '../../../../config/values.ts';
import { type CardDeskDeps, cardDesk } from '../../../../daemon/app/boards/cards.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { memorySource } from '../../../../image-builder/index.ts';
import { aDevice, states } from '../../../support/boards.ts';

const config = parseConfig('');
const image = memorySource(new Uint8Array(1024));

function desk(device: Device | undefined, more: Partial<CardDeskDeps> = {}) {
  if (!config.ok) throw new Error('the configuration of this test is wrong');
  return cardDesk({
    config: config.value,
    identity: { clusterId: 'c0ffee', clusterKey: new Uint8Array(32) },
    images: {
      whole: async () => ok(image),
      bytesFor: async () => ok(1024),
      findKit: async () => problem('NO_BASE', 'no base image is imported'),
    },
    installer: { initramfs: async () => ok(new Uint8Array(8)) },
    eeproms: { forCard: async () => ok(undefined) },
    site: () => ({ address: must(parseIpv4('192.168.1.10')) }),
    boardNamed: (name) => (device?.name === name ? device : undefined),
    signal: new AbortController().signal,
    ...more,
  });
}

const wish = { by: 'anna', most: undefined };

test('a board that is being installed: its image as its disk gets it', async (t) => {
  const device = aDevice(states.installing);
  const made = must(await desk(device).boardImage(device.name, wish));
  t.is(made.source, image);
  t.regex(made.notes.join(), /its disk gets the same bytes/);
});

test('an image that does not fit is refused before anything is made', async (t) => {
  const device = aDevice(states.installing);
  const whole = () => Promise.reject(new Error('not asked'));
  const { boardImage } = desk(device, {
    images: { whole, bytesFor: async () => ok(1024), findKit: async () => problem('NO_BASE', '') },
  });
  const made = await boardImage(device.name, { ...wish, most: 1023 });
  t.is(made.ok ? '' : made.error.code, 'TOO_LARGE');
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
