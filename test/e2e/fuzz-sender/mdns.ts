/** Hostile mDNS, to the group: half from port 5353 as a neighbour, half from another port as a plain resolver. */
import { type Dice, hostileDatagram } from '../fuzz-mutate.ts';
import { openPeer, type Pace, type Peer, sendLots } from './flow.ts';

const [group, port] = ['224.0.0.251', 5353];
/** RFC 6763 section 9: everybody who offers anything answers this, and nobody can take the name away. */
const serviceTypes = '_services._dns-sd._udp.local';
const [typeA, typePtr, typeAny] = [1, 12, 255];

const nameBytes = (name: string): Buffer =>
  Buffer.concat([...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.of(0)]);
const words = (...values: readonly number[]): Buffer =>
  Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
const query = (id: number, name: string, type: number, unicast = 0): Buffer =>
  Buffer.concat([words(id, 0, 1, 0, 0, 0), nameBytes(name), words(type, unicast | 1)]);
/** Names of nobody here: a right claim to one of ours would have to be given way to. */
const response = (name: string, type: number, data: Buffer): Buffer =>
  Buffer.concat([words(0, 0x8400, 0, 1, 0, 0), nameBytes(name), words(type, 1, 0, 120, data.length), data]);

/** The name is in the first record only: the others point to it (RFC 1035 4.1.4), and take 16 bytes each. */
function manyOf(count: number): Buffer {
  const fields = words(typeA, 1, 0, 120, 4, 10 * 256 + 77, 9);
  const again = Buffer.concat([words(0xc00c), fields]);
  const more = Array.from({ length: count - 1 }, () => again);
  return Buffer.concat([words(0, 0x8400, 0, count, 0, 0), nameBytes('printer.local'), fields, ...more]);
}

const vectors: readonly Uint8Array[] = [
  query(0, 'master.local', typeA),
  query(0, 'master.local', typeAny, 0x8000),
  query(0, serviceTypes, typePtr),
  // Truncated: the known answers are in the next packet, which never comes.
  Buffer.concat([words(0, 0x0200, 1, 0, 0, 0), nameBytes('_bramble._tcp.local'), words(typePtr, 1)]),
  response('printer.local', typeA, Buffer.of(10, 77, 0, 9)),
  response('_bramble._tcp.local', typePtr, nameBytes('printer._bramble._tcp.local')),
  response('printer.local', 47, Buffer.concat([nameBytes('printer.local'), Buffer.of(0, 4, 0x40, 0, 0, 8)])),
  manyOf(80),
];

/** Larger than a frame: as many as are read and as fit into a datagram, the longest that is read and that there is. */
const fragmented: readonly Uint8Array[] = [
  manyOf(200),
  manyOf(4000),
  Buffer.concat([manyOf(200), Buffer.alloc(8972 - manyOf(200).length)]),
  Buffer.concat([manyOf(1), Buffer.alloc(65_507 - manyOf(1).length)]),
];
/** Of all: a lot has to fit the socket's buffer. */
const fragmentedShare = 0.005;

function nextPayload(dice: Dice): Uint8Array {
  const large = dice() < fragmentedShare ? fragmented[Math.floor(dice() * fragmented.length)] : undefined;
  return large ?? hostileDatagram(vectors, dice);
}

export async function fuzzMdns(own: string, count: number, dice: Dice, pace: Pace): Promise<number> {
  const [neighbour, resolver] = await Promise.all([openPeer('0.0.0.0', port), openPeer(own, 0)]);
  for (const { socket } of [neighbour, resolver]) socket.setMulticastInterface(own);
  let id = 0;
  const to = { address: group, port };
  const isAnswered = async (deadlineMs: number): Promise<boolean> => {
    id = (id + 1) & 0xffff;
    const answer = resolver.hear(
      (payload) => (payload.length > 12 && payload[0] === id >> 8 && payload[1] === (id & 0xff)) || undefined,
      deadlineMs,
    );
    await resolver.send(query(id, serviceTypes, typePtr), to);
    return (await answer) !== undefined;
  };
  const half = Math.ceil(count / 2);
  const lotOf = (from: Peer) => () => ({ from, to, payload: () => nextPayload(dice), isAnswered });
  const askedAgain = (await sendLots(half, pace, lotOf(neighbour))) + (await sendLots(half, pace, lotOf(resolver)));
  neighbour.socket.close();
  resolver.socket.close();
  return askedAgain;
}
