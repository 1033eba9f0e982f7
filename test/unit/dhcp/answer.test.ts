import test from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, millis, minutes, parseHostname, parseIpv4, subnetOf } from '../../../config/values.ts';
import {
  type Answer,
  answerRequest,
  chosenServer,
  type DhcpMode,
  givenUp,
  silenceWithoutLease,
} from '../../../daemon/dhcp/answer.ts';
import { replyDestination } from '../../../daemon/dhcp/destination.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import type { DhcpSelf, Lease } from '../../../daemon/dhcp/reply.ts';
import { readRequest } from '../../../daemon/dhcp/request.ts';
import {
  type DhcpVector,
  pi3bPlusDiscover,
  pi3bRomDiscover,
  pi5Discover,
  pi400Discover,
  pi400Request,
  proxyOffer,
} from '../../vectors/dhcp.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const self: DhcpSelf = {
  address: ip('192.168.2.1'),
  subnet: subnetOf(ip('192.168.2.1'), 24),
  gateway: ip('192.168.2.254'),
  dns: [ip('192.168.2.1'), ip('9.9.9.9')],
  ntp: [ip('192.168.2.1')],
  domain: 'lan',
};
const lease: Lease = {
  address: ip('192.168.2.40'),
  hostname: must(parseHostname('worker-kube1')),
  leaseTime: minutes(5),
  boot: true,
};
const packetOf = (vector: DhcpVector): DhcpPacket => must(decodePacket(vector.datagram));
const answer = (packet: DhcpPacket, granted: Lease | undefined = lease, mode: DhcpMode = 'full') =>
  answerRequest({ packet, request: must(readRequest(packet)), self }, granted, mode);
const reply = (packet: DhcpPacket, granted: Lease = lease, mode: DhcpMode = 'full'): DhcpPacket => {
  const given = answer(packet, granted, mode);
  if (given.answer === 'silence') throw new Error(given.why);
  return given.packet;
};
const hex = (packet: DhcpPacket, code: number): string => Buffer.from(packet.options.get(code) ?? []).toString('hex');
const text = (packet: DhcpPacket, code: number): string =>
  Buffer.from(packet.options.get(code) ?? []).toString('latin1');

const shortMenu = '0601030a04005058450914000011526173706265727279205069 20426f6f74ff'.replace(' ', '');
const longMenu = '0601030a04005058450917000014526173706265727279205069 20426f6f74202020ff'.replace(' ', '');

test('OFFER to a Pi 400, a field at a time', (t) => {
  const offer = reply(packetOf(pi400Discover));
  t.like(offer, {
    op: 2,
    xid: 0xd0e3497c,
    broadcast: false,
    yiaddr: lease.address,
    siaddr: self.address,
    ciaddr: ip('0.0.0.0'),
    sname: '192.168.2.1',
    file: 'bootcode.bin',
  });
  t.is(hex(offer, 53), '02');
  t.is(hex(offer, 54), 'c0a80201');
  t.is(hex(offer, 51), '0000012c');
  t.is(hex(offer, 1), 'ffffff00');
  t.is(hex(offer, 3), 'c0a802fe');
  t.is(hex(offer, 6), 'c0a8020109090909');
  t.is(text(offer, 12), 'worker-kube1');
  t.is(text(offer, 15), 'lan');
  t.is(hex(offer, 42), 'c0a80201');
  t.is(text(offer, 60), 'PXEClient');
  t.is(text(offer, 66), '192.168.2.1');
  t.deepEqual(offer.options.get(97), packetOf(pi400Discover).options.get(97));
  t.is(hex(offer, 43), shortMenu);
});

test('the OFFER is written in the recommended order', (t) => {
  const bytes = encodePacket(reply(packetOf(pi400Discover)));
  const codes: number[] = [];
  for (let at = 240; bytes[at] !== 255; at += 2 + (bytes[at + 1] ?? 0)) codes.push(bytes[at] ?? 0);
  t.deepEqual(codes, [53, 54, 51, 1, 3, 6, 12, 60, 66, 15, 42, 97, 43]);
  t.true(bytes.length >= 300 && bytes.length <= 548);
});

test('the menu text has three spaces more for a Pi 3, none for the others', (t) => {
  t.is(hex(reply(packetOf(pi3bRomDiscover)), 43), longMenu);
  t.is(hex(reply(packetOf(pi3bPlusDiscover)), 43), longMenu);
  t.is(hex(reply(packetOf(pi5Discover)), 43), shortMenu);
  t.is(longMenu.length / 2, 35);
  t.is(shortMenu.length / 2, 32);
});

test('the menu is the one that dnsmasq sent in the capture', (t) => {
  t.is(hex(packetOf(proxyOffer), 43), shortMenu);
});

test('without `boot`, or for a client that does not netboot, nothing about booting is said', (t) => {
  const system: DhcpPacket = { ...packetOf(pi400Discover), options: new Map([[53, Uint8Array.of(1)]]) };
  for (const offer of [reply(packetOf(pi400Discover), { ...lease, boot: false }), reply(system)]) {
    t.like(offer, { siaddr: ip('0.0.0.0'), sname: '', file: '' });
    t.deepEqual(
      [43, 60, 66, 67, 97].filter((code) => offer.options.has(code)),
      [],
    );
    t.is(text(offer, 12), 'worker-kube1');
  }
});

test('what the network lacks is left out', (t) => {
  const packet = packetOf(pi400Discover);
  const bare = { address: self.address, subnet: self.subnet };
  const given = answerRequest({ packet, request: must(readRequest(packet)), self: bare }, lease, 'full');
  t.is(given.answer, 'offer');
  if (given.answer === 'silence') return;
  t.deepEqual(
    [3, 6, 15, 42].filter((code) => given.packet.options.has(code)),
    [],
  );
});

test('ACK of the address it chose, with the same options', (t) => {
  const given = answer(packetOf(pi400Request));
  t.is(given.answer, 'ack');
  const packet = reply(packetOf(pi400Request));
  t.is(hex(packet, 53), '05');
  t.is(hex(packet, 51), '0000012c');
  t.is(hex(packet, 43), shortMenu);
});

test('proxy: an OFFER without address, to everybody', (t) => {
  const offer = reply(packetOf(pi400Discover), lease, 'proxy');
  t.like(offer, { yiaddr: ip('0.0.0.0'), siaddr: self.address, broadcast: true, file: 'bootcode.bin' });
  t.deepEqual(
    [...offer.options.keys()].sort((a, b) => a - b),
    [43, 53, 54, 60, 66, 97],
  );
  t.is(hex(offer, 97), hex(packetOf(proxyOffer), 97));
});

test('lease times: whole seconds, at least one, never "for ever"', (t) => {
  const time = (leaseTime: number): string =>
    hex(reply(packetOf(pi400Discover), { ...lease, leaseTime: millis(leaseTime) }), 51);
  t.is(time(0), '00000001');
  t.is(time(1999), '00000001');
  t.is(time(Number.MAX_SAFE_INTEGER), 'fffffffe');
});

test('client identifier and relay information come back (RFC 6842, 3046)', (t) => {
  const discover = packetOf(pi400Discover);
  const options = new Map([
    ...discover.options,
    [61, Uint8Array.of(1, 2)] as const,
    [82, Uint8Array.of(1, 1, 7)] as const,
  ]);
  const offer = reply({ ...discover, options, giaddr: ip('192.168.9.1') });
  t.is(hex(offer, 61), '0102');
  t.is(hex(offer, 82), '010107');
  t.is(offer.giaddr, ip('192.168.9.1'));
  t.is(encodePacket(offer).at(-1), 255);
  t.is(Buffer.from(encodePacket(offer)).subarray(-6).toString('hex'), '5203010107ff');
});

test('an identifier that is too long is not sent back', (t) => {
  const discover = packetOf(pi400Discover);
  const offer = reply({ ...discover, options: new Map([...discover.options, [61, new Uint8Array(1000)]]) });
  t.false(offer.options.has(61));
  t.true(encodePacket(offer).length < 576);
});

const request = (options: [number, Ipv4][], ciaddr = '0.0.0.0'): DhcpPacket => ({
  ...packetOf(pi400Request),
  ciaddr: ip(ciaddr),
  options: new Map([
    [53, Uint8Array.of(3)],
    ...options.map(([code, address]): [number, Uint8Array] => [code, Uint8Array.from(address.split('.'), Number)]),
  ]),
});
const mine = ip('192.168.2.40');
const other = ip('192.168.2.41');
const table: { why: string; packet: DhcpPacket; granted?: Lease; mode?: DhcpMode; answer: Answer['answer'] }[] = [
  {
    why: 'selecting its address',
    packet: request([
      [50, mine],
      [54, self.address],
    ]),
    answer: 'ack',
  },
  {
    why: 'selecting another address',
    packet: request([
      [50, other],
      [54, self.address],
    ]),
    answer: 'nak',
  },
  { why: 'selecting no address', packet: request([[54, self.address]]), answer: 'nak' },
  { why: 'init-reboot, its address', packet: request([[50, mine]]), answer: 'ack' },
  { why: 'init-reboot, another address', packet: request([[50, other]]), answer: 'nak' },
  { why: 'init-reboot, another network', packet: request([[50, ip('10.0.0.7')]]), answer: 'nak' },
  { why: 'init-reboot, no address at all', packet: request([[50, ip('0.0.0.0')]]), answer: 'silence' },
  { why: 'init-reboot without address', packet: request([]), answer: 'silence' },
  { why: 'renewing its address', packet: request([], '192.168.2.40'), answer: 'ack' },
  { why: 'renewing another address', packet: request([], '192.168.2.41'), answer: 'nak' },
  { why: 'renewing an address of another network', packet: request([], '10.0.0.7'), answer: 'silence' },
  { why: 'proxy answers no REQUEST', packet: packetOf(pi400Discover), mode: 'proxy', answer: 'offer' },
  { why: 'off', packet: packetOf(pi400Discover), mode: 'off', answer: 'silence' },
];
for (const { why, packet, granted, mode, answer: expected } of table) {
  test(`answer: ${why}: ${expected}`, (t) => {
    t.is(answer(packet, granted, mode).answer, expected);
  });
}

test('nothing granted: silence, whatever is asked', (t) => {
  for (const packet of table.map((row) => row.packet)) {
    const given = answerRequest({ packet, request: must(readRequest(packet)), self }, undefined, 'full');
    t.is(given.answer, 'silence');
  }
});

test('proxy and no boot: silence', (t) => {
  t.is(answer(packetOf(pi400Discover), { ...lease, boot: false }, 'proxy').answer, 'silence');
});

test('NAK says why, carries no address, and asks a relay to broadcast', (t) => {
  const wrong = request([
    [50, other],
    [54, self.address],
  ]);
  const nak = reply(wrong);
  t.is(hex(nak, 53), '06');
  t.is(hex(nak, 54), 'c0a80201');
  t.regex(text(nak, 56), /192\.168\.2\.40/);
  t.like(nak, { yiaddr: ip('0.0.0.0'), siaddr: ip('0.0.0.0'), broadcast: false });
  t.false(nak.options.has(51));
  t.true(reply({ ...wrong, giaddr: ip('192.168.9.1') }).broadcast);
});

test('INFORM: an ACK without address and lease time (RFC 2131 4.3.5)', (t) => {
  const inform = { ...packetOf(pi400Discover), ciaddr: mine, options: new Map([[53, Uint8Array.of(8)]]) };
  const ack = reply(inform);
  t.like(ack, { yiaddr: ip('0.0.0.0'), ciaddr: mine });
  t.false(ack.options.has(51));
  t.is(hex(ack, 6), 'c0a8020109090909');
  t.deepEqual(replyDestination(ack, self.subnet), { address: mine, port: 68 });
});

test('destination: to everybody without an address, to the client with one, through its relay', (t) => {
  const discover = packetOf(pi400Discover);
  const to = (packet: DhcpPacket) => replyDestination(reply(packet), self.subnet);
  const everybody = { address: ip('255.255.255.255'), port: 68 };
  t.deepEqual(to(discover), everybody);
  t.deepEqual(to({ ...discover, broadcast: true }), everybody);
  t.deepEqual(to(request([], '192.168.2.40')), { address: mine, port: 68 });
  t.deepEqual(to({ ...discover, giaddr: ip('192.168.9.1') }), { address: ip('192.168.9.1'), port: 67 });
});

test('proxy: the answer to a relayed DISCOVER goes through the relay agent, without an address', (t) => {
  const offer = reply({ ...packetOf(pi400Discover), giaddr: ip('192.168.9.1') }, lease, 'proxy');
  t.like(offer, { yiaddr: ip('0.0.0.0'), giaddr: ip('192.168.9.1') });
  t.false(offer.options.has(51));
  t.deepEqual(replyDestination(offer, self.subnet), { address: ip('192.168.9.1'), port: 67 });
});

test('destination: a NAK goes to everybody, a ciaddr of another network to nobody else', (t) => {
  const nak = reply(
    request(
      [
        [50, other],
        [54, self.address],
      ],
      '192.168.2.41',
    ),
  );
  t.is(replyDestination(nak, self.subnet).address, ip('255.255.255.255'));
  const strange = reply({ ...packetOf(pi400Discover), ciaddr: ip('8.8.8.8') });
  t.is(replyDestination(strange, self.subnet).address, ip('255.255.255.255'));
});

test('who is not even looked up', (t) => {
  const why = (packet: DhcpPacket, mode: DhcpMode) =>
    silenceWithoutLease(must(readRequest(packet)), mode, self.address);
  const type = (number: number) => ({ ...packetOf(pi400Discover), options: new Map([[53, Uint8Array.of(number)]]) });
  t.is(why(packetOf(pi400Discover), 'full'), undefined);
  t.is(why(packetOf(pi400Discover), 'proxy'), undefined);
  t.regex(
    why(
      request([
        [50, mine],
        [54, other],
      ]),
      'full',
    ) ?? '',
    /another server/,
  );
  const nobody = request([
    [50, mine],
    [54, ip('0.0.0.0')],
  ]);
  t.regex(why(nobody, 'full') ?? '', /another server/);
  t.regex(why(packetOf(pi400Request), 'proxy') ?? '', /router/);
  t.regex(why(type(1), 'proxy') ?? '', /does not boot/);
  t.regex(why(packetOf(pi400Discover), 'off') ?? '', /off/);
  t.regex(why(type(4), 'full') ?? '', /decline/);
  t.regex(why(type(7), 'full') ?? '', /release/);
  t.is(why(type(8), 'full'), undefined);
});

test('not sure that the network is ours: no NAK for an address that another server may have given', (t) => {
  const { options, ...packet } = packetOf(pi400Request);
  const initReboot = (wanted: Ipv4): DhcpPacket => {
    const changed = new Map(options).set(50, Uint8Array.from(wanted.split('.'), Number));
    changed.delete(54);
    return { ...packet, options: changed };
  };
  const ask = (wanted: Ipv4, authoritative: boolean) => {
    const asked = initReboot(wanted);
    return answerRequest({ packet: asked, request: must(readRequest(asked)), self }, lease, 'full', authoritative)
      .answer;
  };
  t.is(ask(ip('192.168.2.77'), true), 'nak');
  t.is(ask(ip('192.168.2.77'), false), 'silence');
  t.is(ask(lease.address, false), 'ack');
});

test('not sure: no NAK for renewing another address either', (t) => {
  const packet = request([], '192.168.2.41');
  const renewing = must(readRequest(packet));
  t.is(answerRequest({ packet, request: renewing, self }, lease, 'full', false).answer, 'silence');
});

test('a NAK for a wrong address of another network goes to everybody, through a relay with its information last', (t) => {
  const wrong = request([[50, ip('10.0.0.7')]]);
  t.is(replyDestination(reply(wrong), self.subnet).address, ip('255.255.255.255'));
  const options = new Map([...wrong.options, [82, Uint8Array.of(1, 1, 7)] as const]);
  const relayed = reply({ ...wrong, giaddr: ip('192.168.2.7'), options });
  t.like(relayed, { giaddr: ip('192.168.2.7'), broadcast: true });
  t.deepEqual(replyDestination(relayed, self.subnet), { address: ip('192.168.2.7'), port: 67 });
  const bytes = Buffer.from(encodePacket(relayed));
  t.true(bytes.includes(Buffer.from('5203010107ff', 'hex')), 'option 82 is the last one');
});

test('who gives an address up, and which', (t) => {
  const message = (type: number, options: [number, Ipv4][], ciaddr = '0.0.0.0') =>
    givenUp(must(readRequest(changedType(request(options, ciaddr), type))), self.address);
  t.like(
    message(4, [
      [50, mine],
      [54, self.address],
    ]),
    { kind: 'decline', address: mine },
  );
  t.like(message(7, [[54, self.address]], '192.168.2.40'), { kind: 'release', address: mine });
  t.is(message(4, [[54, self.address]]), undefined, 'which one?');
  t.is(message(7, [[54, other]], '192.168.2.40'), undefined, 'another server’s');
  t.is(message(7, [], '192.168.2.40'), undefined);
  t.is(
    message(3, [
      [50, mine],
      [54, self.address],
    ]),
    undefined,
  );
});
const changedType = (packet: DhcpPacket, type: number): DhcpPacket => ({
  ...packet,
  options: new Map(packet.options).set(53, Uint8Array.of(type)),
});

test('the other server that a client chose: a host of our own subnet, named in SELECTING', (t) => {
  const chose = (server: string | undefined, kind: 'request-selecting' | 'release' = 'request-selecting') =>
    chosenServer({ kind, ...(server !== undefined && { serverIdentifier: ip(server) }) }, self);
  t.is(chose('192.168.2.254'), ip('192.168.2.254'));
  // Ourselves, none, what npm's `dhcp` writes, other networks, the network, everybody there and everywhere, a group.
  const none = ['192.168.2.1', undefined, '0.0.0.0', '192.168.3.254', '192.168.2.0', '192.168.2.255'];
  for (const server of [...none, '255.255.255.255', '224.0.0.1']) t.is(chose(server), undefined, server);
  t.is(chose('192.168.2.254', 'release'), undefined);
});
