/** Hostile DHCP: half to everybody, half to the server alone. The question is the DISCOVER of a board, passed on by a relay. */
import { dhcpVectors, pi400Discover } from '../../vectors/dhcp.ts';
import { type Dice, hostileDatagram } from '../fuzz-mutate.ts';
import { openPeer, type Pace, sendLots } from './flow.ts';

const port = 67;
/** Where the fields stand (RFC 2131 section 2). */
const [xidAt, giaddrAt] = [4, 24];

export async function fuzzDhcp(own: string, server: string, count: number, dice: Dice, pace: Pace): Promise<number> {
  const peer = await openPeer(own, port);
  const vectors = dhcpVectors.map(({ datagram }) => datagram);
  let xid = 0x7000_0000;
  let lots = 0;
  const isAnswered = async (address: string, deadlineMs: number): Promise<boolean> => {
    xid += 1;
    const discover = Buffer.from(pi400Discover.datagram);
    discover.writeUInt32BE(xid, xidAt);
    discover.set(own.split('.').map(Number), giaddrAt);
    const offer = peer.hear(
      (payload) => (payload[0] === 2 && Buffer.from(payload).readUInt32BE(xidAt) === xid) || undefined,
      deadlineMs,
    );
    await peer.send(discover, { address, port });
    return (await offer) !== undefined;
  };
  const askedAgain = await sendLots(count, pace, () => {
    lots += 1;
    const address = lots % 2 === 0 ? server : '255.255.255.255';
    const to = { address, port };
    const payload = () => hostileDatagram(vectors, dice);
    return { from: peer, to, payload, isAnswered: (deadlineMs) => isAnswered(address, deadlineMs) };
  });
  peer.socket.close();
  return askedAgain;
}
