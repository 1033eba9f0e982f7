/** Boards beside each other, and beside somebody who takes what can be had. */
import test, { type ExecutionContext } from 'ava';
import { ok } from '../../config/result.ts';
import type { ByteSource } from '../../daemon/ports.ts';
import type { TftpPacket } from '../../daemon/tftp/packet.ts';
import { type BareClient, bareClient, patternBytes, startServer } from './tftp-fixture.ts';

const rrq = (file: string, options: Readonly<Record<string, number>> = {}): TftpPacket => ({
  opcode: 'RRQ',
  file,
  mode: 'octet',
  options: Object.entries(options).map(([name, value]) => ({ name, value: `${value}` })),
});
const ack = (block: number): TftpPacket => ({ opcode: 'ACK', block: block & 0xffff });

/** Fetches `file` to its end, acknowledging every `windowsize` blocks; `onBlock` for each that comes. */
async function fetchFile(client: BareClient, port: number, file: string, windowsize: number, onBlock: () => void) {
  client.send(rrq(file, { blksize: 1024, windowsize }), port);
  const oack = await client.receive();
  const agreed = oack?.packet.opcode === 'OACK' ? Number(oack.packet.options[1]?.value) : Number.NaN;
  const transfer = oack?.port ?? 0;
  client.send(ack(0), transfer);
  for (let block = 1; ; block += 1) {
    const packet = (await client.receive())?.packet;
    if (packet?.opcode !== 'DATA' || packet.block !== block) throw new Error(`not block ${block}`);
    onBlock();
    const last = packet.payload.length < 1024;
    if (last || block % agreed === 0) client.send(ack(block), transfer);
    if (last) return;
  }
}

test('a board with a window of 64 leaves twenty in lock-step their turns', async (t) => {
  const [greedy, board] = [patternBytes(1024 * 3200), patternBytes(1024 * 200)];
  const { server } = await startServer(t, { files: { greedy, board } });
  const blocks = Array.from({ length: 20 }, () => 0);
  const boards = blocks.map(async (_, at) => {
    const client = await bareClient(t);
    await fetchFile(client, server.local.port, 'board', 1, () => {
      blocks[at] = (blocks[at] ?? 0) + 1;
    });
  });
  const taker = bareClient(t).then((client) => fetchFile(client, server.local.port, 'greedy', 64, () => undefined));
  await taker;
  // It had 200 windows of 16, the most that we give: each of the others should have had about as many turns.
  t.true(Math.min(...blocks) >= 100, `blocks of the others: ${blocks.join(' ')}`);
  await Promise.all(boards);
});

/** A file whose readings are counted. */
function counted(bytes: Uint8Array) {
  const tally = { open: 0, read: 0 };
  const open = async () => {
    tally.open += 1;
    const source: ByteSource = {
      size: bytes.length,
      read: async (into, offset) => {
        tally.read += into.length;
        const part = bytes.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      },
      close: async () => {
        tally.open -= 1;
      },
    };
    return ok(source);
  };
  return { tally, open };
}

test('one that only asks costs one piece of the file, and with options not even that', async (t) => {
  const { tally, open } = counted(patternBytes(2 ** 20));
  const { server } = await startServer(t, { open });
  const [plain, offered] = [await bareClient(t), await bareClient(t)];
  offered.send(rrq('file', { blksize: 1468, windowsize: 64 }), server.local.port);
  t.like((await offered.receive())?.packet, { opcode: 'OACK' });
  t.is(tally.read, 0);
  plain.send(rrq('file'), server.local.port);
  t.like((await plain.receive())?.packet, { opcode: 'DATA', block: 1 });
  t.is(tally.read, 32_768);
});

async function ghosts(t: ExecutionContext, port: number, address: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) {
    const ghost = await bareClient(t, address);
    ghost.send(rrq('file'), port);
    await ghost.receive();
  }
}

test('a house full of ghosts: a board comes in, is not put out again, and ends', async (t) => {
  const { tally, open } = counted(patternBytes(5000));
  const { server, nextServed } = await startServer(t, { open, limits: { perClient: 8, total: 16 } });
  for (const at of [2, 3]) await ghosts(t, server.local.port, `127.0.0.${at}`, 8);
  t.is(tally.open, 16);
  const board = await bareClient(t, '127.0.0.9');
  board.send(rrq('file'), server.local.port);
  const first = await board.receive();
  t.like(first?.packet, { opcode: 'DATA', block: 1 });
  board.send(ack(1), first?.port ?? 0);
  t.like((await board.receive())?.packet, { opcode: 'DATA', block: 2 });
  await ghosts(t, server.local.port, '127.0.0.4', 30);
  t.true(tally.open <= 16, `${tally.open} files are open`);
  // Ghosts' ends are behind us: no more of them come.
  const end = nextServed();
  for (let block = 2; block <= 10; block += 1) {
    board.send(ack(block), first?.port ?? 0);
    if (block < 10) t.like((await board.receive())?.packet, { opcode: 'DATA', block: block + 1 });
  }
  t.like(await end, { client: { address: '127.0.0.9' }, bytes: 5000, ended: 'complete' });
});

test('a house full of boards: one more waits, those inside go on', async (t) => {
  const { open } = counted(patternBytes(1500));
  const { server } = await startServer(t, { open, limits: { perClient: 8, total: 2 } });
  const inside = await Promise.all(['127.0.0.2', '127.0.0.3'].map((address) => bareClient(t, address)));
  const ports: number[] = [];
  for (const client of inside) {
    client.send(rrq('file'), server.local.port);
    const port = (await client.receive())?.port ?? 0;
    client.send(ack(1), port);
    t.like((await client.receive())?.packet, { opcode: 'DATA', block: 2 });
    ports.push(port);
  }
  const late = await bareClient(t, '127.0.0.4');
  late.send(rrq('file'), server.local.port);
  const [one] = inside;
  for (const block of [2, 3]) {
    one?.send(ack(block), ports[0] ?? 0);
    if (block < 3) t.like((await one?.receive())?.packet, { opcode: 'DATA', block: 3 });
  }
  // It asks again, as all clients do.
  let got: TftpPacket | undefined;
  for (let attempt = 0; attempt < 20 && got === undefined; attempt += 1) {
    late.send(rrq('file'), server.local.port);
    got = (await late.receive(1000))?.packet;
  }
  t.like(got, { opcode: 'DATA', block: 1 });
});

test("forged strangers cannot put out a board's request that it has not answered yet", async (t) => {
  const { tally, open } = counted(patternBytes(1500));
  const { server } = await startServer(t, {
    open,
    limits: { perClient: 4, total: 8 },
    admit: (address) => (address === '127.0.0.9' ? 'known' : 'stranger'),
  });
  const board = await bareClient(t, '127.0.0.9');
  board.send(rrq('file'), server.local.port);
  const first = await board.receive();
  for (let at = 2; at < 8; at += 1) await ghosts(t, server.local.port, `127.0.0.${at}`, 4);
  t.is(tally.open, 5, 'strangers have half of the house, and the board its place');
  board.send(ack(1), first?.port ?? 0);
  t.like((await board.receive())?.packet, { opcode: 'DATA', block: 2 });
  await ghosts(t, server.local.port, '127.0.0.9', 3);
  t.is(tally.open, 8);
  await ghosts(t, server.local.port, '127.0.0.9', 1);
  t.is(tally.open, 8, 'one of its own makes room for one of its own');
});
