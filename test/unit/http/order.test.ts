import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseMac, seconds } from '../../../config/values.ts';
import { type BootInstruction, orderFields, orderText } from '../../../daemon/http/order.ts';
import { bootKey, bootProof, daemonProof } from '../../../daemon/http/proof.ts';

const MAC = must(parseMac('dc:a6:32:01:02:03'));
const CHALLENGE = '0123456789abcdef'.repeat(2);
const install: BootInstruction = {
  action: 'install',
  state: 'installing',
  message: 'its image is being written to its disk',
  arming: 'a1',
  disk: 'mmcblk0',
  base: { sha256: 'b'.repeat(64), bytes: 4096 },
  sectorsSha256: 'c'.repeat(64),
};

test('the text of an order has all that is acted on, in one place each', (t) => {
  const [b, c] = ['b'.repeat(64), 'c'.repeat(64)];
  t.is(orderText(CHALLENGE, MAC, install), `daemon|${CHALLENGE}|${MAC}|install|a1|mmcblk0|${b}|4096|${c}`);
  const boot = { action: 'boot', state: 'ready', message: '', disk: 'sda' } as const;
  t.is(orderText(CHALLENGE, MAC, boot), `daemon|${CHALLENGE}|${MAC}|boot||sda|||`);
  const wipe = { action: 'wipe', state: 'wiping', message: '', arming: 'a2', disk: 'sda' } as const;
  t.is(orderText(CHALLENGE, MAC, wipe), `daemon|${CHALLENGE}|${MAC}|wipe|a2|sda|||`);
  const stop = { action: 'stop', state: 'rejected', message: '' } as const;
  t.is(orderText(CHALLENGE, MAC, stop), `daemon|${CHALLENGE}|${MAC}|stop|||||`);
});

test('what the board reads are the same fields, and where to fetch them', (t) => {
  t.like(orderFields({ ...install, blink: seconds(60) }), {
    'base-sha256': 'b'.repeat(64),
    base: `/v1/boot/base/${'b'.repeat(64)}`,
    sectors: '/v1/boot/sectors/a1',
    blink: '60',
  });
});

test('a key is for one board; no proof of one kind is one of another', (t) => {
  const clusterKey = new Uint8Array(32).fill(7);
  const key = bootKey(clusterKey, MAC);
  t.is(key.length, 32);
  t.notDeepEqual(key, bootKey(clusterKey, must(parseMac('dc:a6:32:01:02:04'))));
  // HMAC-SHA-256 as openssl makes it: printf 'hello|…' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…
  t.is(
    daemonProof(clusterKey, `hello|${CHALLENGE}`),
    '7942ffaddf4c12e4ce7201551b1510c6d834848f55d3b1f1a6dee10a18971407',
  );
  t.not(daemonProof(key, `hello|${CHALLENGE}`), bootProof(key, { nonce: 'hello', mac: MAC, serial: undefined }));
});
