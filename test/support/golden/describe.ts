/** Payloads as lines with their meaning beside them, for the golden files. What they say is read back byte for byte. */
import { namer, type Packet } from './text.ts';

export type Describe = (packet: Packet) => readonly string[];

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const line = (bytes: string, comment: string): string => `${bytes.padEnd(34)} # ${comment}`;
const isText = (bytes: Uint8Array): boolean => bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
const textOf = (bytes: Uint8Array): string => JSON.stringify(Buffer.from(bytes).toString('latin1'));

const messageTypes = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];
const optionNames: Readonly<Record<number, string>> = {
  1: 'subnet mask',
  3: 'router',
  6: 'domain name server',
  12: 'host name',
  42: 'NTP servers',
  43: 'vendor specific',
  50: 'requested address',
  51: 'lease time',
  53: 'message type',
  54: 'server identifier',
  55: 'parameter request list',
  56: 'message',
  57: 'maximum message size',
  60: 'vendor class',
  61: 'client identifier',
  66: 'TFTP server name',
  67: 'bootfile name',
  93: 'client architecture',
  94: 'network interface',
  97: 'client machine identifier',
};

/** A field a line (RFC 2131 figure 1), an option a line; the transaction id and a client's seconds are parameters. */
export function describeDhcp(): Describe {
  const xids = namer('xid');
  return ({ payload, by }) => {
    const field = (from: number, length: number): Uint8Array => payload.subarray(from, from + length);
    const address = (from: number): string => Array.from(field(from, 4)).join('.');
    return [
      line(hexOf(field(0, 4)), 'op, htype, hlen, hops'),
      line(xids(hexOf(field(4, 4))), 'xid'),
      line(`${by === 'client' ? '{secs-1}' : hexOf(field(8, 2))} ${hexOf(field(10, 2))}`, 'secs, flags'),
      ...['ciaddr', 'yiaddr', 'siaddr', 'giaddr'].map((name, index) =>
        line(hexOf(field(12 + 4 * index, 4)), `${name} ${address(12 + 4 * index)}`),
      ),
      line(hexOf(field(28, 16)), 'chaddr'),
      line(padded(field(44, 64)), 'sname'),
      line(padded(field(108, 128)), 'file'),
      line(hexOf(field(236, 4)), 'magic cookie'),
      ...describeOptions(payload.subarray(240)),
    ];
  };
}

/** Text or bytes, then zeros. */
function padded(bytes: Uint8Array): string {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  const content = bytes.subarray(0, length);
  const zeros = bytes.length - length;
  return [
    ...(length > 0 ? [isText(content) ? textOf(content) : hexOf(content)] : []),
    ...(zeros > 0 ? [`00*${zeros}`] : []),
  ].join(' ');
}

function describeOptions(bytes: Uint8Array): readonly string[] {
  const lines: string[] = [];
  let at = 0;
  while (at < bytes.length && bytes[at] !== 255) {
    const code = bytes[at] ?? 0;
    if (code === 0) {
      lines.push(line('00', 'pad'));
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const value = bytes.subarray(at + 2, at + 2 + length);
    const written = isText(value) && length > 2 && code !== 55 ? textOf(value) : hexOf(value);
    const told = code === 53 ? ` ${messageTypes[value[0] ?? 0]}` : '';
    lines.push(
      line(
        `${hexOf(bytes.subarray(at, at + 2))} ${written}`.trimEnd(),
        `${code} ${optionNames[code] ?? ''}${told}`.trimEnd(),
      ),
    );
    at += 2 + length;
  }
  if (at < bytes.length) lines.push(line(['ff', padded(bytes.subarray(at + 1))].join(' ').trimEnd(), 'end'));
  return lines;
}

const opcodes = ['', 'RRQ', 'WRQ', 'DATA', 'ACK', 'ERROR', 'OACK'];

/** Opcode, strings as strings, data as it is (RFC 1350 section 5, RFC 2347). */
export const describeTftp: Describe = ({ payload }) => {
  const opcode = opcodes[payload[1] ?? 0] ?? '';
  const head = opcode === 'DATA' || opcode === 'ACK' || opcode === 'ERROR' ? 4 : 2;
  const first = line(hexOf(payload.subarray(0, head)), opcode);
  const rest = payload.subarray(head);
  if (opcode === 'DATA') return [first, ...linesOf(rest)];
  const strings = Buffer.from(rest).toString('latin1').split('\0');
  const last = strings.pop() ?? '';
  const written = [
    ...strings.map((text) => (text === '' ? '00' : `${JSON.stringify(text)} 00`)),
    ...(last === '' ? [] : [JSON.stringify(last)]),
  ];
  return [first, ...written];
};

/** Text by its lines. */
function linesOf(bytes: Uint8Array): readonly string[] {
  const lines = Buffer.from(bytes)
    .toString('latin1')
    .split(/(?<=\n)/);
  return lines.filter((text) => text !== '').map((text) => JSON.stringify(text));
}

/** Header fields, then the names and data as a dump: 16 bytes a line (RFC 1035 section 4). */
export function describeMdns(): Describe {
  const ids = namer('id');
  return ({ payload }) => {
    const id = hexOf(payload.subarray(0, 2));
    const rows = Array.from({ length: Math.ceil((payload.length - 12) / 16) }, (_, row) =>
      payload.subarray(12 + row * 16, 28 + row * 16),
    );
    const shown = (row: Uint8Array): string =>
      Array.from(row, (byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    return [
      line(`${id === '0000' ? id : ids(id)} ${hexOf(payload.subarray(2, 4))}`, 'id, flags'),
      line(hexOf(payload.subarray(4, 12)), 'questions, answers, authorities, additionals'),
      ...rows.map((row) => line(hexOf(row), shown(row))),
    ];
  };
}
