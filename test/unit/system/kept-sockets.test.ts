import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseIpv4 } from '../../../config/values.ts';
import type { OpenUdp } from '../../../daemon/ports.ts';
import { keepSockets } from '../../../daemon/system/kept-sockets.ts';

const local = { address: must(parseIpv4('0.0.0.0')), port: 67 };

/** Sockets that receive what the test says (double). */
function sockets() {
  const opened: { receive: (text: string) => void; closed: boolean }[] = [];
  const open: OpenUdp = async ({ onMessage }) => {
    const socket = { receive: (text: string) => onMessage(Buffer.from(text), local), closed: false };
    opened.push(socket);
    return {
      local,
      send: () => {},
      close: async () => {
        socket.closed = true;
      },
    };
  };
  const stop = new AbortController();
  return { opened, stop, ...keepSockets({ openUdp: open, inherited: new Map([[5353, 5]]), signal: stop.signal }) };
}
const heard = () => {
  const texts: string[] = [];
  return { texts, onMessage: (payload: Uint8Array) => void texts.push(Buffer.from(payload).toString()) };
};

test('one after the other has the same socket; in between nobody hears', async (t) => {
  const { opened, openUdp, stop } = sockets();
  const [first, second] = [heard(), heard()];
  const udp = await openUdp({ bind: local, fd: 3, onMessage: first.onMessage });
  await t.throwsAsync(openUdp({ bind: local, fd: 3, onMessage: second.onMessage }), { message: /port 67 is in use/ });
  opened[0]?.receive('a');
  await udp.close();
  opened[0]?.receive('b');
  const again = await openUdp({ bind: local, fd: 3, onMessage: second.onMessage });
  opened[0]?.receive('c');
  t.deepEqual([first.texts, second.texts], [['a'], ['c']]);
  t.is(opened.length, 1);
  t.false(opened[0]?.closed);
  stop.abort();
  await again.close();
  t.true(opened[0]?.closed);
});

test('a socket that nobody has is closed at the end', async (t) => {
  const { opened, openUdp, stop } = sockets();
  const udp = await openUdp({ bind: local, fd: 3, onMessage: () => {} });
  await udp.close();
  stop.abort();
  await new Promise((resolve) => setImmediate(resolve));
  t.true(opened[0]?.closed);
});

test('what was given up is closed for good', async (t) => {
  const { opened, openUdp, releaseSocket: release } = sockets();
  await openUdp({ bind: local, fd: 3, onMessage: () => {} });
  await release(3);
  await release(3);
  await release(undefined);
  t.true(opened[0]?.closed);
  await t.throwsAsync(openUdp({ bind: local, fd: 3, onMessage: () => {} }), { message: /was given up/ });
});

test('a socket of one’s own is nobody’s business', async (t) => {
  const { opened, openUdp } = sockets();
  const udp = await openUdp({ bind: local, onMessage: () => {} });
  await udp.close();
  t.true(opened[0]?.closed);
});

test('a socket that somebody opens by himself is had once', async (t) => {
  const { opened, takeSocket, openUdp } = sockets();
  t.deepEqual([5353, 5353, 67].map(takeSocket), [5, undefined, undefined]);
  await t.throwsAsync(openUdp({ bind: local, fd: 5, onMessage: () => {} }));
  t.is(opened.length, 0);
});
