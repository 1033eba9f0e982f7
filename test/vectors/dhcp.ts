/**
 * DHCP messages of Raspberry Pis, a field a line. V1 to V8 are the numbers of the collection in the project's notes on
 * netbooting; "capture" means that these bytes were on a wire, "rebuilt" that they were put together from a printed dump.
 */

export type DhcpVector = {
  readonly name: string;
  readonly device: string;
  readonly firmware: string;
  readonly source: string;
  readonly datagram: Uint8Array;
};

const bytes = (...hex: string[]): Uint8Array => Uint8Array.from(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'));

/** The 236 bytes of BOOTP and the magic cookie. */
const header = (field: { op?: string; xid: string; flags?: string; siaddr?: string; chaddr: string }): string =>
  [
    field.op ?? '01', // op
    '01 06 00', // htype Ethernet, hlen, hops
    field.xid,
    '0000', // secs
    field.flags ?? '0000',
    '00000000', // ciaddr
    '00000000', // yiaddr
    field.siaddr ?? '00000000',
    '00000000', // giaddr
    field.chaddr.padEnd(32, '0'),
    '00'.repeat(64), // sname
    '00'.repeat(128), // file
    '63825363', // magic cookie
  ].join('');

const pxeClient = '3c20 505845436c69656e743a417263683a30303030303a554e44493a303032303031'; // PXEClient:Arch:00000:UNDI:002001

/** V1 */
export const pi3bRomDiscover: DhcpVector = {
  name: 'V1 Pi 3B DISCOVER',
  device: 'Raspberry Pi 3B, b8:27:eb:28:f6:6d',
  firmware: 'mask ROM of the BCM2837',
  source: 'raspberrypi/documentation boot-net.adoc, tcpdump text; rebuilt',
  datagram: bytes(
    header({ xid: '26f30339', chaddr: 'b827eb28f66d' }), // the same xid from every Pi 3
    '35 01 01', // DISCOVER
    '37 0c 2b3c43808182838485868742', // asks for neither 1 nor 3
    '5d 02 0000', // x86 BIOS
    '5e 03 010201',
    '61 11 00 44444444444444444444444444444444', // no serial number
    pxeClient,
    'ff',
  ),
};

/** V2 */
export const pi3bPlusDiscover: DhcpVector = {
  name: 'V2 Pi 3B+ DISCOVER',
  device: 'Raspberry Pi 3B+, b8:27:eb:2f:aa:eb',
  firmware: 'boot ROM of the BCM2837B0, or bootcode.bin',
  source: 'raspberrypi/firmware issue 1265; rebuilt',
  datagram: bytes(
    header({ xid: '26f30339', chaddr: 'b827eb2faaeb' }),
    '35 01 01',
    '37 0e 2b3c438081828384858687420103',
    '5d 02 0000',
    '5e 03 010201',
    '61 11 00 ebaa2fb2 ebaa2fb2 ebaa2fb2 ebaa2fb2', // serial number b22faaeb four times, little-endian
    pxeClient,
    'ff',
  ),
};

/** V3 */
export const pi4Discover2020: DhcpVector = {
  name: 'V3 Pi 4 DISCOVER, 2020/21',
  device: 'Raspberry Pi 4B 8 GB r1.4, e4:5f:01:09:02:f7',
  firmware: 'EEPROM of 2020/21, option 60 last',
  source: 'dnsmasq log in a piPXE fork and Wireshark text of a Pi 4; rebuilt',
  datagram: bytes(
    header({ xid: 'a1b90f18', chaddr: 'e45f010902f7' }),
    '35 01 01',
    '37 0e 01032b3c42438081828384858687',
    '5d 02 0000',
    '5e 03 010201',
    '61 11 00 34695052 1431d000 010902f7 3df0cd91', // "4iPR", revision d03114, address 01:09:02:f7, serial 91cdf03d
    pxeClient,
    'ff',
  ),
};

/** V4 */
export const pi400Discover: DhcpVector = {
  name: 'V4 Pi 400 DISCOVER',
  device: 'Raspberry Pi 400, dc:a6:32:ec:fc:3c',
  firmware: 'EEPROM, newer option order',
  source: 'hex dump of a Pi 400 beside a proxy DHCP server, frame 1; capture',
  datagram: bytes(
    header({ xid: 'd0e3497c', chaddr: 'dca632ecfc3c' }),
    '35 01 01',
    '37 0e 01032b3c42438081828384858687',
    pxeClient,
    '5d 02 0000',
    '5e 03 010201',
    '61 11 00 52506934 3031c000 32ecfc3c da06ffe0', // "RPi4", revision c03130, address 32:ec:fc:3c, serial e0ff06da
    'ff',
  ),
};

/** V5 */
export const proxyOffer: DhcpVector = {
  name: 'V5 proxy OFFER to a Pi 400',
  device: 'a proxy DHCP server, answering dc:a6:32:ec:fc:3c',
  firmware: 'dnsmasq',
  source: 'hex dump of a Pi 400 beside a proxy DHCP server, frame 2b; capture (xid and hardware address filled in)',
  datagram: bytes(
    header({ op: '02', xid: 'd0e3497c', flags: '8000', chaddr: 'dca632ecfc3c' }),
    '35 01 02',
    '36 04 c0a80234',
    '3c 09 505845436c69656e74', // PXEClient
    '61 11 00 52506934 3031c000 32ecfc3c da06ffe0',
    '2b 20 060103 0a0400505845 0914000011 5261737062657272792050692 0426f6f74 ff', // Raspberry Pi Boot
    'ff',
  ),
};

/** V6 */
export const pi400Request: DhcpVector = {
  name: 'V6 Pi 400 REQUEST',
  device: 'Raspberry Pi 400, dc:a6:32:ec:fc:3c',
  firmware: 'EEPROM',
  source: 'hex dump of a Pi 400 beside a proxy DHCP server, frame 3a; capture (xid and hardware address filled in)',
  datagram: bytes(
    header({ xid: 'd0e3497c', siaddr: 'c0a80201', chaddr: 'dca632ecfc3c' }), // siaddr of the server it chose
    '35 01 03',
    '32 04 c0a80228', // requested address 192.168.2.40
    '36 04 c0a80201', // server 192.168.2.1
    pxeClient,
    '61 11 00 52506934 3031c000 32ecfc3c da06ffe0', // and no option 55
    'ff',
  ),
};

const pi5 = (name: string, prefix: string): DhcpVector => ({
  name,
  device: 'Raspberry Pi 5 4 GB, d8:3a:dd:e8:27:1e',
  firmware: 'EEPROM after 2023-10-30',
  source: 'built as V4; prefix, revision, address and serial are those of a Pi 5; never captured whole',
  datagram: bytes(
    header({ xid: '0a485863', chaddr: 'd83adde8271e' }),
    '35 01 01',
    '37 0e 01032b3c42438081828384858687',
    pxeClient,
    '5d 02 0000',
    '5e 03 010201',
    `61 11 00 ${prefix} 7041c000 dde8271e e19a98bd`, // revision c04170, serial bd989ae1
    'ff',
  ),
});

/** V8, both byte orders of the prefix. */
export const pi5Discover = pi5('V8a Pi 5 DISCOVER, "5iPR"', '35695052');
export const pi5DiscoverSwapped = pi5('V8b Pi 5 DISCOVER, "RPi5"', '52506935');

export const dhcpVectors: readonly DhcpVector[] = [
  pi3bRomDiscover,
  pi3bPlusDiscover,
  pi4Discover2020,
  pi400Discover,
  proxyOffer,
  pi400Request,
  pi5Discover,
  pi5DiscoverSwapped,
];

/** Option 97 as other boards sent it, with what is known about the board. */
export const machineIdentifiers = [
  {
    source: 'raspberrypi.stackexchange.com question 135939, Pi 3B+',
    mac: 'b8:27:eb:64:24:7d',
    option97: bytes('00 7d246455 7d246455 7d246455 7d246455'),
    facts: { maskRom: false, serial: '5564247d', model: 'pi3b+' },
  },
  {
    source: 'raspberrypi/firmware issue 1605, Pi 3B+',
    mac: 'b8:27:eb:6c:4c:16',
    option97: bytes('00 164c6cb6 164c6cb6 164c6cb6 164c6cb6'),
    facts: { maskRom: false, serial: 'b66c4c16', model: 'pi3b+' },
  },
  {
    source: 'Wireshark text of a Pi 4, EEPROM before 2020-03: serial number only',
    mac: 'dc:a6:32:27:f5:46',
    option97: bytes('00 9c4ec2f2 9c4ec2f2 9c4ec2f2 9c4ec2f2'),
    facts: { maskRom: false, serial: 'f2c24e9c' },
  },
  {
    source: 'raspberrypi/cmprovision issue 16, CM4 1 GB; the log is cut, serial number made up',
    mac: 'e4:5f:01:f8:de:b9',
    option97: bytes('00 34695052 4131a000 01f8deb9 60504030'),
    facts: { maskRom: false, serial: '30405060', boardRevision: 0xa03141, model: 'cm4' },
  },
  {
    source: 'built: Pi 4 with a prefix of the owner’s own (DHCP_OPTION97)',
    mac: 'dc:a6:32:27:f5:46',
    option97: bytes('00 41424344 1131b000 3227f546 9c4ec2f2'),
    facts: { maskRom: false, serial: 'f2c24e9c', boardRevision: 0xb03111, model: 'pi4' },
  },
  {
    source: 'built: Pi 4, EEPROM of early March 2020: the part of the hardware address is zero',
    mac: 'dc:a6:32:27:f5:46',
    option97: bytes('00 34695052 1131b000 00000000 9c4ec2f2'),
    facts: { maskRom: false, serial: 'f2c24e9c', boardRevision: 0xb03111, model: 'pi4' },
  },
  {
    source: 'built: Pi 5 before 2023-10-30 sends the prefix of a Pi 4',
    mac: 'd8:3a:dd:e8:27:1e',
    option97: bytes('00 34695052 7041c000 dde8271e e19a98bd'),
    facts: { maskRom: false, serial: 'bd989ae1', boardRevision: 0xc04170, model: 'pi5' },
  },
] as const;
