/** Hostile TFTP: to the port of the requests, and to the ports of transfers that are under way. */
import { tftpVectors } from '../../vectors/tftp.ts';
import { type Dice, hostileDatagram } from '../fuzz-mutate.ts';
import { openPeer, type Pace, type Peer, sendLots, type Target } from './flow.ts';

const port = 69;
const [ackOpcode, errorOpcode, oackOpcode] = [4, 5, 6];

const request = (file: string, ...options: readonly string[]): Uint8Array =>
  Buffer.from(`\0\x01${[file, 'octet', ...options].join('\0')}\0`, 'latin1');
const vectorsOf = (isOf: (opcode: string) => boolean): readonly Uint8Array[] =>
  tftpVectors.filter(({ packet }) => isOf(packet.opcode)).map(({ hex }) => Buffer.from(hex, 'hex'));

/** `file` is one that is served: some of the requests are right and begin a transfer that nobody goes on with. */
export async function fuzzRequests(
  server: string,
  file: string,
  count: number,
  dice: Dice,
  pace: Pace,
): Promise<number> {
  const peer = await openPeer('0.0.0.0', 0);
  const right = [request(file), request(file, 'tsize', '0', 'blksize', '1468', 'windowsize', '16', 'timeout', '1')];
  const vectors = [...vectorsOf(() => true), ...right];
  let questions = 0;
  const isAnswered = async (deadlineMs: number): Promise<boolean> => {
    questions += 1;
    const refusal = peer.hear((payload) => (payload[1] === errorOpcode && payload[3] === 1) || undefined, deadlineMs);
    // Each by another name: a request that is repeated is not answered twice.
    await peer.send(request(`absent-${questions}`), { address: server, port });
    return (await refusal) !== undefined;
  };
  const to = { address: server, port };
  const askedAgain = await sendLots(count, pace, () => ({
    from: peer,
    to,
    payload: () => hostileDatagram(vectors, dice),
    isAnswered,
  }));
  peer.socket.close();
  return askedAgain;
}

/** From the client's own port and from others; the question is a stranger's ACK, which is told that it is one. */
export async function fuzzTransfers(server: string, file: string, count: number, dice: Dice): Promise<number> {
  const [client, stranger] = await Promise.all([openPeer('0.0.0.0', 0), openPeer('0.0.0.0', 0)]);
  const vectors = [
    Buffer.of(0, ackOpcode, 0, 0),
    Buffer.of(0, ackOpcode, 0, 1),
    ...vectorsOf((opcode) => opcode !== 'ERROR'),
  ];
  let transfer = await begin(client, server, file);
  let lots = 0;
  const isAnswered = async (deadlineMs: number): Promise<boolean> => {
    const told = stranger.hear(
      (payload) => (payload[1] === errorOpcode && payload[3] === 5) || undefined,
      deadlineMs / 10,
    );
    await stranger.send(Buffer.of(0, ackOpcode, 0, 0), transfer);
    if ((await told) !== undefined) return true;
    // Some wound made an ERROR of the packet, which ended the transfer.
    transfer = await begin(client, server, file);
    return false;
  };
  const askedAgain = await sendLots(count, 'answered', () => {
    lots += 1;
    const from = lots % 2 === 0 ? client : stranger;
    return { from, to: transfer, payload: () => hostileDatagram(vectors, dice), isAnswered };
  });
  client.socket.close();
  stranger.socket.close();
  return askedAgain;
}

async function begin(client: Peer, server: string, file: string): Promise<Target> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const offered = client.hear(
      (payload, from) => (payload[1] === oackOpcode ? { address: from.address, port: from.port } : undefined),
      1000,
    );
    await client.send(request(file, 'blksize', '8', 'windowsize', '4'), { address: server, port });
    const transfer = await offered;
    if (transfer !== undefined) return transfer;
  }
  throw new Error('no transfer begins any more');
}
