/** A board, or whoever sits between, that sends damaged bytes: an answer, never an exception nobody catches. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { millis } from '../../config/values.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { obey, startFakeBoard } from './join-fake-board.ts';

const daemonKey = generateSshKeyPair('daemon');

async function listen(t: ExecutionContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port }: { port: number } = Object(server.address());
  return port;
}

const attempt = async (port: number, hostKey: string): Promise<string> => {
  const options = { host: '127.0.0.1', username: 'root', privateKey: daemonKey.privateOpenssh, timeout: millis(1500) };
  const { signal } = new AbortController();
  const end = await withSsh({ ...options, port, hostKeys: [hostKey], signal }, async (session) => {
    const run = await session.run('echo', ['hello'], { timeout: millis(1500) });
    return run.ok ? run.value.stdout : run.error.code;
  });
  return end.ok ? end.value : end.error.code;
};
const expected = /^(hello\n|SSH_(TIMEOUT|CLOSED|AUTH|HOST_KEY_CHANGED))$/;

test('a damaged byte anywhere in what the board sends', async (t) => {
  const board = await startFakeBoard(t, obey);
  const damage = fc.record({ at: fc.nat({ max: 2600 }), bit: fc.nat({ max: 7 }) });
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 8, maxLength: 8 }), async (damages) => {
      // Eight boards at a time: most of the time goes into waiting.
      const found = damages.map(async ({ at, bit }) => {
        const port = await listen(t, (socket) => {
          let passed = 0;
          const upstream = connect(board.port, '127.0.0.1').on('error', () => undefined);
          socket.pipe(upstream);
          upstream.on('data', (chunk) => {
            const place = at - passed;
            const byte = chunk[place];
            if (place >= 0 && byte !== undefined) chunk[place] = byte ^ (1 << bit);
            passed += chunk.length;
            socket.write(chunk);
          });
          upstream.once('close', () => socket.end());
          socket.once('close', () => upstream.destroy());
        });
        return attempt(port, board.hostKey);
      });
      for (const end of await Promise.all(found)) {
        ends.set(end, (ends.get(end) ?? 0) + 1);
        t.regex(end, expected);
      }
    }),
    { numRuns: 12 },
  );
  t.log(Object.fromEntries(ends));
});

test('an identification and then anything', async (t) => {
  const hostKey = generateSshKeyPair('board').publicLine;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('SSH-2.0-x\r\n', 'SSH-1.0-x\r\n', 'SSH-2.0-\r\n', 'SSH-', 'hello\r\nSSH-2.0-x\r\n', ''),
      // RFC 4253 12: disconnect, ignore, debug, service accept, key exchange, new keys, and any other.
      fc.array(fc.tuple(fc.constantFrom(1, 2, 4, 6, 20, 20, 20, 21, 31, 52, 255), fc.uint8Array({ maxLength: 200 })), {
        maxLength: 4,
      }),
      async (ident, packets) => {
        const port = await listen(t, (socket) => {
          socket.write(ident);
          // RFC 4253 6: packet_length, padding_length, payload, padding.
          for (const [type, rest] of packets) {
            const payload = Buffer.from([type, ...rest]);
            const padding = 4 + ((8 - ((payload.length + 9) % 8)) % 8);
            const packet = Buffer.alloc(5 + payload.length + padding);
            packet.writeUInt32BE(1 + payload.length + padding);
            packet[4] = padding;
            packet.set(payload, 5);
            socket.write(packet);
          }
          socket.end();
        });
        t.regex(await attempt(port, hostKey), expected);
      },
    ),
    { numRuns: 60 },
  );
});
