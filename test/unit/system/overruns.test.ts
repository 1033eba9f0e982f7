import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { parseOverruns, readOverruns } from '../../../daemon/system/overruns.ts';

const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  263: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3204759 2 0000000000000000 1204
  263: 0100004D:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3204760 2 0000000000000000 6
 5549: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 17 2 0000000000000000 99
`;

test('our own sockets’ drops, by port; those of other programs on the same port are not ours', (t) => {
  t.deepEqual(parseOverruns(table, new Set(['3204759', '3204760'])), new Map([[67, 1210]]));
  t.deepEqual(parseOverruns(table, new Set(['17'])), new Map([[5353, 99]]));
  t.deepEqual(parseOverruns('', new Set(['17'])), new Map());
});

test('the kernel is asked: what comes in while nobody reads overruns the buffer', async (t) => {
  const [busy, sender] = [createSocket({ type: 'udp4', recvBufferSize: 4096 }), createSocket('udp4')];
  t.teardown(() => void [busy, sender].map((socket) => socket.close()));
  busy.bind(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address();
  t.is((await readOverruns()).get(port), 0);
  sender.connect(port, '127.0.0.1');
  await once(sender, 'connect');
  // All in one turn of the loop: it cannot read before they are sent.
  const sent = Array.from({ length: 200 }, () => new Promise((resolve) => sender.send(Buffer.alloc(1000), resolve)));
  await Promise.all(sent);
  const dropped = (await readOverruns()).get(port) ?? 0;
  t.true(dropped > 0 && dropped < 200, `${dropped} of 200`);
});
