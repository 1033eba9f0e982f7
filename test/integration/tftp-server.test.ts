/** What clients do that programs written for the purpose would not do. Packets by hand, over loopback. */
import test from 'ava';
import { ok } from '../../config/result.ts';
import type { OpenUdp } from '../../daemon/ports.ts';
import { nodeUdp } from '../../daemon/system/udp.ts';
import type { TftpPacket } from '../../daemon/tftp/packet.ts';
import { memorySource } from '../../image-builder/index.ts';
import { bareClient, patternBytes, silentLog, startServer } from './tftp-fixture.ts';

const file = patternBytes(1500);
const files = { file };
const rrq = (name: string, ...options: readonly (readonly [string, string])[]): TftpPacket => ({
  opcode: 'RRQ',
  file: name,
  mode: 'octet',
  options: options.map(([option, value]) => ({ name: option, value })),
});
const ack = (block: number): TftpPacket => ({ opcode: 'ACK', block });
const earlyTerminate: TftpPacket = { opcode: 'ERROR', code: 0, message: 'Early terminate' };

test('an existence probe, as firmware does it: nothing is wrong', async (t) => {
  const { server, nextServed } = await startServer(t, { files });
  const client = await bareClient(t);
  const end = nextServed();
  client.send(rrq('/89eb9bb9//bootsig.bin'), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'ERROR', code: 1 });
  client.send(rrq('//file', ['tsize', '0'], ['blksize', '1468']), server.local.port);
  const oack = await client.receive();
  t.deepEqual(oack?.packet, {
    opcode: 'OACK',
    options: [
      { name: 'tsize', value: '1500' },
      { name: 'blksize', value: '1468' },
    ],
  });
  t.not(oack?.port, server.local.port, 'from a port of its own');
  client.send(earlyTerminate, oack?.port ?? 0);
  t.like(await end, { file: 'file', bytes: 0, ended: 'aborted' });
});

test('strangers and noise at a transfer port change nothing', async (t) => {
  const { server, nextServed } = await startServer(t, { files });
  const [client, stranger] = [await bareClient(t), await bareClient(t)];
  const end = nextServed();
  client.send(rrq('file'), server.local.port);
  const first = await client.receive();
  t.like(first?.packet, { opcode: 'DATA', block: 1 });
  const port = first?.port ?? 0;
  for (const noise of [[], [0], [4], [0, 4], [0, 4, 0], [0, 9, 0, 0]]) {
    client.send(Uint8Array.from(noise), port);
    stranger.send(Uint8Array.from(noise), port);
  }
  stranger.send(earlyTerminate, port);
  stranger.send(ack(1), port);
  t.like((await stranger.receive())?.packet, { opcode: 'ERROR', code: 5 });
  for (const block of [1, 2, 3]) {
    client.send(ack(block), port);
    if (block < 3) t.like((await client.receive())?.packet, { opcode: 'DATA', block: block + 1 });
  }
  t.like(await end, { bytes: 1500, ended: 'complete' });
  t.is(await stranger.receive(1), undefined, 'neither noise nor an ERROR is answered');
});

test('noise at the listening port is not answered, a malformed request is', async (t) => {
  const { server } = await startServer(t, { files });
  const client = await bareClient(t);
  for (const noise of [[], [1], [0, 4, 0, 1], [0, 5, 0, 0, 0], [0, 7, 0, 0], [255, 255, 255, 255]]) {
    client.send(Uint8Array.from(noise), server.local.port);
  }
  client.send(Uint8Array.of(0, 1, 65, 66, 67), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'ERROR', code: 4 });
  client.send(rrq('../etc/shadow'), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'ERROR', code: 2 });
});

test('a repeated request is one transfer; another one from the same port replaces it', async (t) => {
  const { server, served, nextServed } = await startServer(t, { files: { file, other: patternBytes(3) } });
  const client = await bareClient(t);
  const replaced = nextServed();
  client.send(rrq('file', ['tsize', '0']), server.local.port);
  client.send(rrq('file', ['tsize', '0']), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'OACK' });
  client.send(rrq('other'), server.local.port);
  const data = await client.receive();
  t.like(data?.packet, { opcode: 'DATA', block: 1, payload: patternBytes(3) }, 'no second OACK came');
  t.like(await replaced, { file: 'file', ended: 'aborted' });
  const end = nextServed();
  client.send(ack(1), data?.port ?? 0);
  t.like(await end, { file: 'other', ended: 'complete' });
  t.is(served.length, 2);
});

test('a lost block comes again after a second, not sooner', async (t) => {
  const { server } = await startServer(t, { files });
  const client = await bareClient(t);
  client.send(rrq('file'), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'DATA', block: 1 });
  const sent = performance.now();
  t.like((await client.receive())?.packet, { opcode: 'DATA', block: 1 });
  t.true(performance.now() - sent > 950);
});

test('the same file to many at once, each its own', async (t) => {
  const { server, served } = await startServer(t, { files });
  const clients = await Promise.all(Array.from({ length: 20 }, () => bareClient(t)));
  for (const client of clients) client.send(rrq('file', ['blksize', '1000']), server.local.port);
  const ports = new Set<number>();
  for (const client of clients) {
    const oack = await client.receive();
    ports.add(oack?.port ?? 0);
    client.send(ack(0), oack?.port ?? 0);
  }
  for (const client of clients) {
    const data = await client.receive();
    t.like(data?.packet, { opcode: 'DATA', block: 1, payload: file.subarray(0, 1000) });
  }
  t.is(ports.size, 20);
  t.is(served.length, 0);
});

test('one that waits for its file does not hold up another', async (t) => {
  const slow = Promise.withResolvers<void>();
  const { server } = await startServer(t, {
    open: async (request) => {
      if (request.file === 'slow') await slow.promise;
      return ok(memorySource(file));
    },
  });
  const [waiting, other] = [await bareClient(t), await bareClient(t)];
  waiting.send(rrq('slow'), server.local.port);
  other.send(rrq('fast'), server.local.port);
  t.like((await other.receive())?.packet, { opcode: 'DATA', block: 1 });
  slow.resolve();
  t.like((await waiting.receive())?.packet, { opcode: 'DATA', block: 1 });
});

test('over the limit, requests that nobody stands behind make room', async (t) => {
  const { server, nextServed } = await startServer(t, { files, limits: { perClient: 2, total: 8 } });
  const clients = await Promise.all(Array.from({ length: 3 }, () => bareClient(t)));
  const evicted = nextServed();
  for (const client of clients) {
    client.send(rrq('file'), server.local.port);
    t.like((await client.receive())?.packet, { opcode: 'DATA', block: 1 });
  }
  t.like(await evicted, { ended: 'aborted', bytes: 0 });
});

test('an opener that throws is an ERROR to the client and no more', async (t) => {
  const { server } = await startServer(t, { open: () => Promise.reject(new Error('broken')) });
  const client = await bareClient(t);
  client.send(rrq('file'), server.local.port);
  t.like((await client.receive())?.packet, { opcode: 'ERROR', code: 0 });
});

test('stopping ends running transfers and closes their files', async (t) => {
  let open = 0;
  const close = async (): Promise<void> => {
    open -= 1;
  };
  const { server, stop } = await startServer(t, {
    open: async () => {
      open += 1;
      return ok({ ...memorySource(file), close });
    },
  });
  const client = await bareClient(t);
  client.send(rrq('file'), server.local.port);
  await client.receive();
  t.is(open, 1);
  await stop();
  t.is(open, 0);
});

/** Loses every `every`-th datagram that a transfer sends. */
function lossyUdpDouble(every: number): OpenUdp {
  let count = 0;
  return async (options) => {
    const udp = await nodeUdp(silentLog)(options);
    return {
      ...udp,
      send: (payload, to) => {
        count += 1;
        if (count % every !== 0) udp.send(payload, to);
      },
    };
  };
}

test('a window with losses arrives whole', async (t) => {
  const bytes = patternBytes(300_000);
  const { server, nextServed } = await startServer(t, { files: { bytes }, openUdp: lossyUdpDouble(29) });
  const client = await bareClient(t);
  const end = nextServed();
  client.send(rrq('bytes', ['blksize', '1468'], ['windowsize', '16']), server.local.port);
  const oack = await client.receive();
  const port = oack?.port ?? 0;
  client.send(ack(0), port);
  const got: Uint8Array[] = [];
  // RFC 7440 section 4: acknowledges the end of a window, and the last good block when there is a gap.
  for (let inWindow = 0; got.length < 205; ) {
    const received = await client.receive(500);
    const packet = received?.packet;
    const next = packet?.opcode === 'DATA' && packet.block === got.length + 1 ? packet.payload : undefined;
    if (next !== undefined) got.push(Uint8Array.from(next));
    inWindow = next === undefined ? 0 : inWindow + 1;
    if (next === undefined || inWindow % 16 === 0 || got.length === 205) client.send(ack(got.length), port);
  }
  t.deepEqual(Buffer.concat(got), Buffer.from(bytes));
  t.like(await end, { ended: 'complete', bytes: 300_000 });
});

test('with a window the round trip tells what was lost, before the second of lock-step is over', async (t) => {
  const bytes = patternBytes(100_000);
  const { server } = await startServer(t, { files: { bytes } });
  const client = await bareClient(t);
  client.send(rrq('bytes', ['windowsize', '4']), server.local.port);
  const oack = await client.receive();
  const port = oack?.port ?? 0;
  const nextBlock = async (deadline?: number): Promise<number | undefined> => {
    const packet = (await client.receive(deadline))?.packet;
    return packet?.opcode === 'DATA' ? packet.block : undefined;
  };
  client.send(ack(0), port);
  // Long enough for one slow moment of this machine to be forgotten.
  for (let acked = 0; acked < 120; ) {
    const block = await nextBlock();
    if (block !== acked + 4) continue;
    acked = block;
    client.send(ack(acked), port);
  }
  while ((await nextBlock()) !== 124);
  t.is(await nextBlock(900), 121, 'nobody acknowledged it');
});
