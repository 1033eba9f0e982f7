import test from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, parseIpv4 } from '../../../config/values.ts';
import { nodeUdp } from '../../../daemon/system/udp.ts';
import { createLogDouble } from '../../support/doubles.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));

test('who sends is told what became of it: it went out, the kernel refused it, the socket is closed', async (t) => {
  const log = createLogDouble();
  const socket = await nodeUdp(log)({ bind: { address: ip('127.0.0.1'), port: 0 }, onMessage: () => undefined });
  const sent = (address: string): Promise<unknown> =>
    new Promise((resolve) => socket.send(Uint8Array.of(1), { address: ip(address), port: 9 }, resolve));
  t.is(await sent('127.0.0.1'), undefined);
  // Without SO_BROADCAST.
  t.like(await sent('255.255.255.255'), { code: 'EACCES' });
  await socket.close();
  t.like(await sent('127.0.0.1'), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
  t.is(log.records.filter(({ message }) => message === 'udp datagram not sent').length, 2);
});
