/**
 * The vectors of test/vectors/dhcp.ts against the hex that the collection of facts prints (facts 9 and 3.2), copied a second
 * time: a slip of the pen in one of the two shows here. What is read out of them is in request.test.ts.
 */
import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseMac, parseSerial, sameSerial, serialLow } from '../../../config/values.ts';
import { readMachineIdentifier } from '../../../daemon/dhcp/machine-identifier.ts';
import {
  type DhcpVector,
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

const hex = (bytes: Uint8Array, from = 0, to = bytes.length): string => Buffer.from(bytes).toString('hex', from, to);
const joined = (text: string): string => text.replaceAll(' ', '');

/** Options, and the header fields that are not those of every DISCOVER (facts 3.1). */
const printed: readonly {
  vector: DhcpVector;
  payload: number;
  xid?: string;
  chaddr?: string;
  more?: string;
  options: string;
}[] = [
  {
    vector: pi3bRomDiscover,
    ...{ payload: 320, xid: '26f30339', chaddr: 'b827eb28f66d' },
    options:
      '350101 370c2b3c43808182838485868742 5d020000 5e03010201 61110044444444444444444444444444444444 3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031 ff',
  },
  {
    vector: pi3bPlusDiscover,
    ...{ payload: 322, xid: '26f30339', chaddr: 'b827eb2faaeb' },
    options:
      '350101 370e2b3c438081828384858687420103 5d020000 5e03010201 611100ebaa2fb2ebaa2fb2ebaa2fb2ebaa2fb2 3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031 ff',
  },
  {
    vector: pi4Discover2020,
    ...{ payload: 322, xid: 'a1b90f18', chaddr: 'e45f010902f7' },
    options:
      '350101 370e01032b3c42438081828384858687 5d020000 5e03010201 611100346950521431d000010902f73df0cd91 3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031 ff',
  },
  {
    vector: pi400Discover,
    ...{ payload: 322, xid: 'd0e3497c', chaddr: 'dca632ecfc3c' },
    options:
      '350101 370e01032b3c42438081828384858687 3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031 5d020000 5e03010201 611100525069343031c00032ecfc3cda06ffe0 ff',
  },
  {
    // "broadcast, flags 8000, yiaddr 0, siaddr 0"; xid and chaddr were not recorded.
    vector: proxyOffer,
    ...{ payload: 314, more: '0201 0600 8000 00000000 00000000' },
    options:
      '350102 3604c0a80234 3c09505845436c69656e74 611100525069343031c00032ecfc3cda06ffe0 2b200601030a0400505845091400001152617370626572727920506920426f6f74ff ff',
  },
  {
    vector: pi400Request,
    ...{ payload: 309, more: '0101 0600 0000 00000000 c0a80201' },
    options:
      '350103 3204c0a80228 3604c0a80201 3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031 611100525069343031c00032ecfc3cda06ffe0 ff',
  },
];
for (const { vector, payload, xid, chaddr, more, options } of printed) {
  test(`${vector.name}: the bytes that are printed`, (t) => {
    const { datagram } = vector;
    t.is(datagram.length, payload);
    t.is(hex(datagram, 240), joined(options));
    t.is(hex(datagram, 236, 240), '63825363');
    if (xid !== undefined) t.is(hex(datagram, 4, 8), xid);
    if (chaddr !== undefined) t.is(hex(datagram, 28, 44), chaddr.padEnd(32, '0'));
    // op, htype, hlen, hops; flags; yiaddr; siaddr
    const told = hex(datagram, 0, 4) + hex(datagram, 10, 12) + hex(datagram, 16, 24);
    t.is(told, joined(more ?? '0101 0600 0000 00000000 00000000'));
    t.is(hex(datagram, 8, 10) + hex(datagram, 12, 16) + hex(datagram, 24, 28), '0'.repeat(20), 'secs, ciaddr, giaddr');
    t.is(hex(datagram, 44, 236), '0'.repeat(384), 'sname, file');
  });
}

/** V8 is V4 with another prefix; the collection leaves the Pi 400's own revision, address and serial number in it. */
for (const [name, prefix, ours] of [
  ['V8a', '35695052', pi5Discover],
  ['V8b', '52506935', pi5DiscoverSwapped],
] as const) {
  test(`${name}: as it is printed, and our own with what a Pi 5 has`, (t) => {
    const option97 = Buffer.from(`00${prefix}3031c00032ecfc3cda06ffe0`, 'hex');
    t.deepEqual<unknown, unknown>(readMachineIdentifier(option97, must(parseMac('dc:a6:32:ec:fc:3c'))), {
      ...{ maskRom: false, serial: 'e0ff06da', boardRevision: 0xc03130, model: 'pi400' },
    });
    const options = `350101 370e01032b3c42438081828384858687 3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031 5d020000 5e03010201 611100 ${prefix} 7041c000dde8271ee19a98bd ff`;
    t.is(hex(ours.datagram, 240), joined(options));
    t.is(ours.datagram.length, 322);
  });
}

/** Facts 3.2, the table of verified decodings. */
const decodings = [
  ['P400', 'dc:a6:32:ec:fc:3c', '00 52506934 3031c000 32ecfc3c da06ffe0', 'e0ff06da', 0xc03130, 'pi400'],
  ['PI4LOG', 'e4:5f:01:09:02:f7', '00 34695052 1431d000 010902f7 3df0cd91', '91cdf03d', 0xd03114, 'pi4'],
  ['firmware#1265', 'b8:27:eb:2f:aa:eb', '00 ebaa2fb2 ebaa2fb2 ebaa2fb2 ebaa2fb2', 'b22faaeb', undefined, 'pi3b+'],
  [
    'stackexchange 135939',
    'b8:27:eb:64:24:7d',
    '00 7d246455 7d246455 7d246455 7d246455',
    '5564247d',
    undefined,
    'pi3b+',
  ],
  ['firmware#1605', 'b8:27:eb:6c:4c:16', '00 164c6cb6 164c6cb6 164c6cb6 164c6cb6', 'b66c4c16', undefined, 'pi3b+'],
  ['PI4WS', 'dc:a6:32:27:f5:46', '00 9c4ec2f2 9c4ec2f2 9c4ec2f2 9c4ec2f2', 'f2c24e9c', undefined, undefined],
  ['BN', 'b8:27:eb:28:f6:6d', '00 44444444 44444444 44444444 44444444', undefined, undefined, 'pi3'],
] as const;
for (const [source, mac, option97, serial, boardRevision, model] of decodings) {
  test(`option 97 of ${source}`, (t) => {
    const read = readMachineIdentifier(Buffer.from(joined(option97), 'hex'), must(parseMac(mac)));
    t.deepEqual<unknown, unknown>(
      { serial: read?.serial, boardRevision: read?.boardRevision, model: read?.model, maskRom: read?.maskRom },
      { serial, boardRevision, model, maskRom: source === 'BN' },
    );
  });
}

test('option 97 of cmprovision#16, as far as its log goes', (t) => {
  const whole = machineIdentifiers.find(({ source }) => source.includes('cmprovision'));
  t.is(hex(whole?.option97 ?? new Uint8Array(), 0, 14), joined('00 34695052 4131a000 01f8deb9 60'));
});

/** Facts 3.3. */
test('a Pi 1 to 3 has the low 24 bits of its serial number for an address', (t) => {
  const boards = decodings.filter(([, mac, , serial]) => mac.startsWith('b8:27:eb') && serial !== undefined);
  t.is(boards.length, 3);
  for (const [source, mac, , serial = ''] of boards) t.is(mac.slice(9).replaceAll(':', ''), serial.slice(2), source);
});

test('a Pi 5 has 64 bits of serial number, and shows the lower half in DHCP and TFTP', (t) => {
  for (const [whole, prefix] of [
    ['0c8f7e5cbd989ae1', 'bd989ae1'],
    ['d7bd1a077bf18f79', '7bf18f79'],
  ] as const) {
    t.is<string, string>(serialLow(must(parseSerial(whole))), prefix);
    t.true(sameSerial(must(parseSerial(whole)), must(parseSerial(prefix))));
  }
});
