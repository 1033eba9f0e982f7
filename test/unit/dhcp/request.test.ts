import test from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, type Mac, type Model, parseIpv4, parseMac } from '../../../config/values.ts';
import { modelOfRevision, readMachineIdentifier } from '../../../daemon/dhcp/machine-identifier.ts';
import { type DhcpPacket, decodePacket, unspecified } from '../../../daemon/dhcp/packet.ts';
import { type DhcpRequest, type RequestKind, readRequest } from '../../../daemon/dhcp/request.ts';
import {
  machineIdentifiers,
  pi3bPlusDiscover,
  pi3bRomDiscover,
  pi4Discover2020,
  pi5Discover,
  pi5DiscoverSwapped,
  pi400Discover,
  pi400Request,
  proxyOffer,
} from '../../vectors/dhcp.ts';

const mac = (text: string): Mac => must(parseMac(text));
const ip = (text: string): Ipv4 => must(parseIpv4(text));
const pi400 = must(decodePacket(pi400Discover.datagram));
const vendorClass = 'PXEClient:Arch:00000:UNDI:002001';

const boards: readonly { vector: typeof pi400Discover; facts: Record<string, unknown> }[] = [
  {
    vector: pi3bRomDiscover,
    facts: { mac: 'b8:27:eb:28:f6:6d', xid: 0x26f30339, model: 'pi3', isMaskRom: true },
  },
  {
    vector: pi3bPlusDiscover,
    facts: { mac: 'b8:27:eb:2f:aa:eb', xid: 0x26f30339, model: 'pi3b+', serial: 'b22faaeb', isMaskRom: false },
  },
  {
    vector: pi4Discover2020,
    facts: {
      mac: 'e4:5f:01:09:02:f7',
      xid: 0xa1b90f18,
      model: 'pi4',
      serial: '91cdf03d',
      boardRevision: 0xd03114,
      isMaskRom: false,
    },
  },
  {
    vector: pi400Discover,
    facts: {
      mac: 'dc:a6:32:ec:fc:3c',
      xid: 0xd0e3497c,
      model: 'pi400',
      serial: 'e0ff06da',
      boardRevision: 0xc03130,
      isMaskRom: false,
    },
  },
  ...[pi5Discover, pi5DiscoverSwapped].map((vector) => ({
    vector,
    facts: {
      mac: 'd8:3a:dd:e8:27:1e',
      xid: 0x0a485863,
      model: 'pi5',
      serial: 'bd989ae1',
      boardRevision: 0xc04170,
      isMaskRom: false,
    },
  })),
];
for (const { vector, facts } of boards) {
  test(`${vector.name}: what it tells`, (t) => {
    const request: Record<string, unknown> = must(readRequest(must(decodePacket(vector.datagram))));
    t.deepEqual(request, { kind: 'discover', secs: 0, isPxe: true, isPi: true, vendorClass, ...facts });
  });
}

test('Pi 400 REQUEST', (t) => {
  const request: DhcpRequest = must(readRequest(must(decodePacket(pi400Request.datagram))));
  t.like(request, {
    kind: 'request-selecting',
    requestedAddress: ip('192.168.2.40'),
    serverIdentifier: ip('192.168.2.1'),
    isPxe: true,
  });
  t.is(request.serial as string, 'e0ff06da');
});

for (const { source, mac: address, option97, facts } of machineIdentifiers) {
  test(`option 97: ${source}`, (t) => {
    const read: Record<string, unknown> | undefined = readMachineIdentifier(option97, mac(address));
    t.deepEqual(read, { ...facts });
  });
}

const notPis = [
  {
    what: 'a PC’s UUID',
    option97: [0, 0x4c, 0x4c, 0x45, 0x44, 0, 0x34, 0x4d, 0x10, 0x80, 0x5a, 0xb4, 0xc0, 0x4f, 0x51, 1, 2],
  },
  { what: 'all zero', option97: new Array<number>(17).fill(0) },
  { what: 'all ones', option97: [0, ...new Array<number>(16).fill(255)] },
  { what: 'type 1', option97: [1, ...new Array<number>(16).fill(0x44)] },
  { what: 'too short', option97: [0, 0x52, 0x50, 0x69, 0x34] },
  { what: 'too long', option97: [0, ...new Array<number>(17).fill(0x44)] },
  { what: 'empty', option97: [] },
];
for (const { what, option97 } of notPis) {
  test(`option 97: ${what} is no Pi’s`, (t) => {
    t.is(readMachineIdentifier(Uint8Array.from(option97), mac('52:54:00:12:34:56')), undefined);
  });
}

test('a serial number of zero is none', (t) => {
  const option97 = Uint8Array.of(0, 0x52, 0x50, 0x69, 0x34, 0x30, 0x31, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  t.deepEqual(readMachineIdentifier(option97, mac('dc:a6:32:01:02:03')), {
    maskRom: false,
    boardRevision: 0xc03130,
    model: 'pi400',
  });
});

test('revision codes', (t) => {
  const codes: [number, Model | undefined][] = [
    [0xa22042, 'pi2'],
    [0xa02082, 'pi3'],
    [0xa020d3, 'pi3b+'],
    [0xd03115, 'pi4'],
    [0xc03131, 'pi400'],
    [0xb03141, 'cm4'],
    [0xd04171, 'pi5'],
    [0xd04180, 'cm5'],
    [0xe04190, 'pi500'],
    [0xc041a0, 'cm5'],
    // Zero 2 W, an old-style code and a type that is not known yet
    [0x902120, undefined],
    [0x000010, undefined],
    [0xc04ff0, undefined],
  ];
  for (const [code, model] of codes) t.is(modelOfRevision(code), model, code.toString(16));
});

const withOptions = (packet: DhcpPacket, ...options: [number, number[]][]): DhcpPacket => ({
  ...packet,
  options: new Map(options.map(([code, value]) => [code, Uint8Array.from(value)])),
});
const message = (type: number, ...more: [number, number[]][]): DhcpPacket => withOptions(pi400, [53, [type]], ...more);
const kinds: { why: string; packet: DhcpPacket; unicast?: boolean; kind: RequestKind }[] = [
  { why: 'DISCOVER', packet: message(1), kind: 'discover' },
  {
    why: 'server and address',
    packet: message(3, [50, [10, 0, 0, 9]], [54, [10, 0, 0, 1]]),
    kind: 'request-selecting',
  },
  { why: 'address alone', packet: message(3, [50, [10, 0, 0, 9]]), kind: 'request-init-reboot' },
  { why: 'ciaddr to us', packet: { ...message(3), ciaddr: ip('10.0.0.9') }, unicast: true, kind: 'request-renewing' },
  {
    why: 'ciaddr to all',
    packet: { ...message(3), ciaddr: ip('10.0.0.9') },
    unicast: false,
    kind: 'request-rebinding',
  },
  { why: 'DECLINE', packet: message(4, [50, [10, 0, 0, 9]]), kind: 'decline' },
  { why: 'RELEASE', packet: message(7), kind: 'release' },
  { why: 'INFORM', packet: { ...message(8), ciaddr: ip('10.0.0.9') }, kind: 'inform' },
];
for (const { why, packet, unicast, kind } of kinds) {
  test(`kind: ${why}`, (t) => {
    t.is(must(readRequest(packet, unicast === undefined ? {} : { unicast })).kind, kind);
  });
}

const refused = [
  { why: 'a server’s message', packet: must(decodePacket(proxyOffer.datagram)), code: 'NOT_FROM_CLIENT' },
  { why: 'not Ethernet', packet: { ...pi400, htype: 32 }, code: 'NOT_ETHERNET' },
  { why: 'address of 16 bytes', packet: { ...pi400, chaddr: new Uint8Array(16) }, code: 'NOT_ETHERNET' },
  { why: 'no type', packet: withOptions(pi400), code: 'NO_MESSAGE_TYPE' },
  { why: 'type of two bytes', packet: withOptions(pi400, [53, [1, 1]]), code: 'NO_MESSAGE_TYPE' },
  { why: 'OFFER from a client', packet: message(2), code: 'NOT_FOR_SERVER' },
  { why: 'type 99', packet: message(99), code: 'NOT_FOR_SERVER' },
];
for (const { why, packet, code } of refused) {
  test(`refused: ${why}`, (t) => {
    t.like(readRequest(packet), { ok: false, error: { code } });
  });
}

test('the operating system of a Pi is a Pi that does not boot from us', (t) => {
  t.like(must(readRequest(message(1, [12, [112, 105]]))), { isPi: true, isPxe: false, hostname: 'pi' });
});

test('the list of prefixes is a parameter, and only a hint', (t) => {
  t.false(must(readRequest(message(1), { ouis: [] })).isPi);
  t.true(must(readRequest(pi400, { ouis: [] })).isPi);
});

test('a PC that boots by PXE is no Pi', (t) => {
  const pxe = [...'PXEClient:Arch:00000:UNDI:002001'].map((char) => char.charCodeAt(0));
  const packet = { ...message(1, [60, pxe]), chaddr: Uint8Array.of(0x52, 0x54, 0, 1, 2, 3), giaddr: unspecified };
  t.like(must(readRequest(packet)), { isPi: false, isPxe: true, serial: undefined });
});
