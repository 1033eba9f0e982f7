import test from 'ava';
import fc from 'fast-check';
import { senderOf } from '../../../daemon/dhcp/limits.ts';
import { decodePacket } from '../../../daemon/dhcp/packet.ts';
import { readRequest } from '../../../daemon/dhcp/request.ts';
import { dhcpVectors } from '../../vectors/dhcp.ts';

test('the sender is the one that decoding would find', (t) => {
  for (const { datagram } of dhcpVectors) {
    const packet = decodePacket(datagram);
    const request = packet.ok ? readRequest(packet.value) : packet;
    if (request.ok) t.is(senderOf(datagram), request.value.mac);
  }
  t.is(senderOf(new Uint8Array(33)), undefined);
});

test('whatever it is: never throws, and no more than an address comes out', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const sender = senderOf(bytes);
      return bytes.length < 34 ? sender === undefined : /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(sender ?? '');
    }),
  );
  t.pass();
});
