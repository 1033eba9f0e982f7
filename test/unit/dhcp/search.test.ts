import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { type Ipv4, parseIpv4, parseMac, seconds } from '../../../config/values.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import { readRequest } from '../../../daemon/dhcp/request.ts';
import { readForeignServer, searchDiscover, searchPause } from '../../../daemon/dhcp/search.ts';
import { dhcpVectors, proxyOffer } from '../../vectors/dhcp.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const mac = must(parseMac('dc:a6:32:00:00:01'));
const own = ip('10.77.0.1');
const router = ip('10.77.0.254');
const from = { address: router, port: 67 };
const us = { own, mac, xid: 0x01020304 };

/** What a router says to our DISCOVER, changed. */
function answer(type: number, change: Partial<DhcpPacket> = {}, serverIdentifier: Ipv4 | undefined = router) {
  const asked = must(decodePacket(searchDiscover(us)));
  const options = new Map([[53, Uint8Array.of(type)]]);
  if (serverIdentifier !== undefined) options.set(54, Uint8Array.from(serverIdentifier.split('.'), Number));
  return encodePacket({ ...asked, op: 2, yiaddr: ip('10.77.0.50'), options, ...change });
}

test('our DISCOVER: from our own interface, to be answered by broadcast', (t) => {
  const datagram = searchDiscover(us);
  t.is(datagram.length, 300);
  const packet = must(decodePacket(datagram));
  t.like(packet, { op: 1, htype: 1, hops: 0, xid: 0x01020304, broadcast: true });
  for (const field of ['ciaddr', 'yiaddr', 'siaddr', 'giaddr'] as const) t.is(packet[field], ip('0.0.0.0'), field);
  t.like(must(readRequest(packet)), { mac, kind: 'discover', isPxe: false, vendorClass: 'bramble-search' });
  t.true(packet.options.has(55), 'some servers answer only with what was asked for');
});

test('an OFFER to it names the other server', (t) => {
  t.deepEqual(must(readForeignServer(answer(2), from, us)), { server: router, asked: true });
});

test('what another client is told counts, too: OFFER, ACK and NAK', (t) => {
  const chaddr = Uint8Array.of(2, 0, 0, 0, 0, 9);
  for (const datagram of [answer(2, { chaddr }), answer(5, { xid: 7 }), answer(6, { xid: 7, yiaddr: ip('0.0.0.0') })]) {
    t.deepEqual(must(readForeignServer(datagram, from, us)), { server: router, asked: false });
  }
});

test('a server that does not name itself is the sender', (t) => {
  const options = new Map([[53, Uint8Array.of(2)]]);
  t.is(
    must(readForeignServer(answer(2, { options }), { address: ip('10.77.0.9'), port: 67 }, us)).server,
    ip('10.77.0.9'),
  );
});

const innocent: Readonly<Record<string, { datagram: Uint8Array; code: string }>> = {
  'our own OFFER': { datagram: answer(2, {}, own), code: 'OUR_OWN' },
  'a client': { datagram: searchDiscover(us), code: 'NOT_FROM_SERVER' },
  'a proxyDHCP server': { datagram: proxyOffer.datagram, code: 'GIVES_NO_ADDRESS' },
  'an answer to an INFORM': { datagram: answer(5, { yiaddr: ip('0.0.0.0') }), code: 'GIVES_NO_ADDRESS' },
  'an unknown message': { datagram: answer(9), code: 'GIVES_NO_ADDRESS' },
  noise: { datagram: Uint8Array.of(2), code: 'TOO_SHORT' },
};
for (const [what, { datagram, code }] of Object.entries(innocent)) {
  test(`no other server: ${what}`, (t) => {
    t.like(readForeignServer(datagram, from, us), { ok: false, error: { code } });
  });
}

test('a look every five seconds, eight at least', (t) => {
  t.is(searchPause(seconds(120)), seconds(5));
  t.is(searchPause(seconds(8)), seconds(1));
  t.true(searchPause(seconds(0)) > 0);
});

test('whatever is overheard on the clients’ port: a server or a problem, never an exception', (t) => {
  const originals = [...dhcpVectors.map(({ datagram }) => datagram), answer(2), answer(5)];
  const wounded = fc
    .tuple(fc.constantFrom(...originals), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.boolean())
    .map(([original, wounds, reply]) =>
      wounds.reduce<Uint8Array>(
        (bytes, [at, value]) => bytes.with(at % bytes.length, value),
        original.with(0, reply ? 2 : 1),
      ),
    );
  let servers = 0;
  fc.assert(
    fc.property(fc.oneof(wounded, fc.uint8Array({ maxLength: 400 })), (bytes) => {
      const heard = readForeignServer(bytes, from, us);
      if (heard.ok) servers += 1;
      return !heard.ok || heard.value.server !== own;
    }),
    { numRuns: 2000 },
  );
  t.true(servers > 0);
});
