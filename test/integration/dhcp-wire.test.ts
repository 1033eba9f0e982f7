/** What is on the wire itself: odd frames that reach the server, or must not, and the stray datagram of the Pi 3B. */
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { type Mac, macBytes, macFromBytes, parseMac } from '../../config/values.ts';
import { decodePacket, encodePacket } from '../../daemon/dhcp/packet.ts';
import { bootpFrame } from '../lab/board/frame.ts';
import { type Datagram, datagramsOf, type Frame, startCapture } from '../support/capture.ts';
import type { Host } from '../support/netns.ts';
import { type DhcpVector, pi3bPlusDiscover, pi3bRomDiscover, pi400Discover } from '../vectors/dhcp.ts';
import { dhcpLab, serverAddress } from './dhcp-fixture.ts';

const sender = fileURLToPath(new URL('../lab/board/frames.pl', import.meta.url));

/** tcpdump is on the board's wire. */
async function watchedLab(t: ExecutionContext) {
  const { pi } = await dhcpLab(t);
  return { pi, wire: await startCapture(pi, '') };
}

/** Frames as they are, from a board without an address. */
async function send(board: Host, ...frames: readonly Uint8Array[]): Promise<void> {
  const words = frames.map((frame) => Buffer.concat([Buffer.of(frame.length >>> 8, frame.length & 255), frame]));
  const script = `echo "$1" | busybox xxd -r -p | perl "$2" eth0 > /dev/null`;
  const { code, stderr } = await board.exec(['sh', '-c', script, 'sh', Buffer.concat(words).toString('hex'), sender]);
  if (code !== 0) throw new Error(stderr);
}

const macOf = (datagram: Uint8Array): Mac => must(macFromBytes(datagram.subarray(28, 34)));
const style = { ttl: 64, udpChecksum: true, id: 0 };
const rom = { ttl: 128, udpChecksum: false, id: 0 };

test('behind the OFFER to a Pi 3B comes a broadcast, so that its network chip lets go of it; to a 3B+ none (facts 3.7)', async (t) => {
  const { pi, wire } = await watchedLab(t);
  const romFrame = ({ datagram }: DhcpVector): Uint8Array => bootpFrame(macOf(datagram), datagram, rom);
  await send(pi, romFrame(pi3bPlusDiscover), romFrame(pi3bRomDiscover));
  const stray = await wire.until((frames) => datagramsOf(frames).find(({ to }) => to.port === 9));
  t.deepEqual([stray.from.address, stray.to.address], [serverAddress, '255.255.255.255']);
  const offerTo = (mac: Mac): Datagram | undefined =>
    fromServer(wire.frames()).find(({ payload }) => Buffer.from(payload).subarray(28, 34).equals(macBytes(mac)));
  const [toPlus, toPlain] = [pi3bPlusDiscover, pi3bRomDiscover].map(({ datagram }) => offerTo(macOf(datagram)));
  t.truthy(toPlus);
  // RX flush: it is to come by itself, not right behind the OFFER, where it would be held back too.
  t.true(stray.at - (toPlain?.at ?? 0) >= 0.2, `${stray.at - (toPlain?.at ?? 0)} s`);
  const frame = wire.frames().find(({ at }) => at === stray.at);
  t.is(Buffer.from(frame?.bytes.subarray(0, 6) ?? []).toString('hex'), 'ffffffffffff');
  // Both were offered at the same time: a stray datagram for the 3B+ would be here by the time of another OFFER.
  await send(pi, romFrame(pi3bPlusDiscover));
  await wire.until((frames) => (fromServer(frames).filter(({ to }) => to.port === 68).length >= 3 ? true : undefined));
  t.is(datagramsOf(wire.frames()).filter(({ to }) => to.port === 9).length, 1);
});

const fromServer = (frames: readonly Frame[]): readonly Datagram[] =>
  datagramsOf(frames).filter(({ from }) => from.address === serverAddress && from.port === 67);

/** A Pi 400's DISCOVER of a board of its own for each frame; its xid tells which frame was answered. */
function discover(number: number): { readonly mac: Mac; readonly payload: Uint8Array } {
  const mac = must(parseMac(`dc:a6:32:00:02:${number.toString(16).padStart(2, '0')}`));
  const packet = must(decodePacket(pi400Discover.datagram));
  return { mac, payload: encodePacket({ ...packet, xid: number, chaddr: macBytes(mac) }) };
}

const ordinary = (number: number): Uint8Array => {
  const { mac, payload } = discover(number);
  return bootpFrame(mac, payload, style);
};
const [ethernet, ipHeader] = [14, 20];

/** RFC 1071 over the IP header, after it was changed. */
function withIpChecksum(frame: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(frame);
  const length = ((changed[ethernet] ?? 0) & 15) * 4;
  changed.set([0, 0], ethernet + 10);
  let sum = 0;
  for (let at = ethernet; at < ethernet + length; at += 2) sum += ((changed[at] ?? 0) << 8) | (changed[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  changed.set([(~sum >>> 8) & 255, ~sum & 255], ethernet + 10);
  return changed;
}

const changed = (frame: Uint8Array, at: number, ...bytes: readonly number[]): Uint8Array => {
  const copy = Uint8Array.from(frame);
  copy.set(bytes, at);
  return copy;
};

/** IHL 6: a router alert (RFC 2113) between header and UDP. */
function withIpOption(frame: Uint8Array): Uint8Array {
  const end = ethernet + ipHeader;
  const longer = Uint8Array.from([...frame.subarray(0, end), 0x94, 4, 0, 0, ...frame.subarray(end)]);
  const total = longer.length - ethernet;
  return withIpChecksum(changed(changed(longer, ethernet, 0x46), ethernet + 2, total >>> 8, total & 255));
}

/** In two pieces of which the first carries 160 bytes (RFC 791 3.2). */
function fragments(frame: Uint8Array, id: number): readonly [Uint8Array, Uint8Array] {
  const start = ethernet + ipHeader;
  const piece = (from: number, to: number, flagsAndOffset: number): Uint8Array => {
    const whole = Uint8Array.from([...frame.subarray(0, start), ...frame.subarray(start + from, start + to)]);
    const total = whole.length - ethernet;
    const header = changed(whole, ethernet + 2, total >>> 8, total & 255, id >>> 8, id & 255);
    return withIpChecksum(changed(header, ethernet + 6, flagsAndOffset >>> 8, flagsAndOffset & 255));
  };
  return [piece(0, 160, 0x2000), piece(160, frame.length - start, 160 / 8)];
}

const tagged = (frame: Uint8Array): Uint8Array =>
  Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12)]);

/** DHCPv6 SOLICIT of a Pi 4 with USE_IPV6=1: architecture 41, and it wants BOOTFILE-URL (facts 3.1; RFC 5970). */
function solicit(mac: Mac): Uint8Array {
  const option = (code: number, ...value: readonly number[]): readonly number[] => [0, code, 0, value.length, ...value];
  const message = [
    ...[1, 0xab, 0xcd, 0xef],
    ...option(1, 0, 3, 0, 1, ...macBytes(mac)),
    ...option(3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    ...option(6, 0, 59),
    ...option(61, 0, 41),
  ];
  const length = 8 + message.length;
  const [source, group] = ['fe80000000000000dea632fffe000220', 'ff020000000000000000000000010002'];
  const udp = [2, 34, 2, 35, 0, length, 0, 0, ...message];
  const addresses = [...Buffer.from(source + group, 'hex')];
  let sum = 0;
  const covered = [...addresses, 0, 0, 0, length, 0, 0, 0, 17, ...udp, ...(udp.length % 2 === 1 ? [0] : [])];
  for (let at = 0; at < covered.length; at += 2) sum += ((covered[at] ?? 0) << 8) | (covered[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  udp.splice(6, 2, (~sum >>> 8) & 255, ~sum & 255);
  const ip = [0x60, 0, 0, 0, 0, length, 17, 1, ...addresses];
  return Uint8Array.from([0x33, 0x33, 0, 1, 0, 2, ...macBytes(mac), 0x86, 0xdd, ...ip, ...udp]);
}

const answered: readonly { readonly what: string; readonly frames: (number: number) => readonly Uint8Array[] }[] = [
  {
    what: 'without a UDP checksum, as a Pi 3 sends',
    frames: (number) => [bootpFrame(discover(number).mac, discover(number).payload, rom)],
  },
  {
    what: 'with bytes behind the end of the datagram',
    frames: (number) => [Uint8Array.from([...ordinary(number), 1, 2, 3, 4])],
  },
  { what: 'with an option in the IP header', frames: (number) => [withIpOption(ordinary(number))] },
  { what: 'in two fragments', frames: (number) => fragments(ordinary(number), number) },
  { what: 'ordinary', frames: (number) => [ordinary(number)] },
];
const unanswered: typeof answered = [
  {
    what: 'with a wrong UDP checksum',
    frames: (number) => [changed(ordinary(number), ethernet + ipHeader + 6, 0x12, 0x34)],
  },
  { what: 'of another VLAN', frames: (number) => [tagged(ordinary(number))] },
  {
    what: 'to port 4011',
    frames: (number) => [
      changed(bootpFrame(discover(number).mac, discover(number).payload, rom), ethernet + ipHeader + 2, 0x0f, 0xab),
    ],
  },
  {
    what: 'as the answer of a server',
    frames: (number) => [bootpFrame(discover(number).mac, changed(discover(number).payload, 0, 2), rom)],
  },
  { what: 'the first of two fragments', frames: (number) => fragments(ordinary(number), number).slice(0, 1) },
];

test('odd frames: what is a datagram for port 67 is answered, nothing else is', async (t) => {
  const { pi, wire } = await watchedLab(t);
  // The ordinary one comes last.
  const all = [...unanswered, ...answered];
  const sent = all.map(({ frames }, number) => frames(number));
  await send(pi, ...sent.flat());
  const xids = (frames: readonly Frame[]): readonly number[] =>
    fromServer(frames).map(({ payload }) => must(decodePacket(payload)).xid);
  const numbers = await wire.until((frames) => {
    const found = xids(frames);
    return answered.every((_, index) => found.includes(unanswered.length + index)) ? found : undefined;
  });
  for (const [number, { what }] of all.entries()) {
    t.is(numbers.filter((one) => one === number).length, number < unanswered.length ? 0 : 1, what);
    for (const frame of sent[number] ?? []) t.true(wasOnWire(wire.frames(), frame), `${what}: on the wire`);
  }
});

test('a Pi that asks by IPv6 alone hears nothing, and is served when it asks by IPv4', async (t) => {
  const { pi, wire } = await watchedLab(t);
  const { mac } = discover(32);
  await send(pi, solicit(mac), ordinary(32));
  await wire.until((frames) => (fromServer(frames).length > 0 ? true : undefined));
  const frames = wire.frames();
  t.true(wasOnWire(frames, solicit(mac)));
  const dhcpv6 = datagramsOf(frames).filter(({ from, to }) =>
    [from.port, to.port].some((port) => port === 546 || port === 547),
  );
  t.deepEqual(
    dhcpv6.map(({ to }) => to),
    [{ address: 'ff020000000000000000000000010002', port: 547 }],
    'the SOLICIT, whole, and no answer to it',
  );
  t.is(fromServer(frames).length, 1);
});

const wasOnWire = (frames: readonly Frame[], frame: Uint8Array): boolean =>
  frames.some(({ bytes }) => Buffer.from(bytes).equals(frame));
