import test from 'ava';
import type { ByteSource } from '../../../daemon/ports.ts';
import { blockReader } from '../../../daemon/tftp/reader.ts';

const sourceOf = (bytes: Uint8Array, size = bytes.length): ByteSource & { readonly reads: number[] } => {
  const reads: number[] = [];
  return {
    reads,
    size,
    read: async (into, offset) => {
      reads.push(offset);
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    close: async () => undefined,
  };
};
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7 + (at >>> 8)) & 255);

for (const [size, blksize, windowsize] of [
  [0, 512, 1],
  [1, 512, 1],
  [512, 512, 1],
  [32768, 512, 1],
  [32769, 512, 4],
  [65536, 512, 64],
  [200_000, 1468, 16],
  [1000, 8, 16],
] as const) {
  test(`${size} bytes in blocks of ${blksize}, window ${windowsize}: put together they are the file`, async (t) => {
    const bytes = pattern(size);
    const lastBlock = Math.floor(size / blksize) + 1;
    const got: number[] = [];
    let inMemory = 0;
    const reader = blockReader(
      sourceOf(bytes),
      { blksize, windowsize },
      (upTo) => {
        inMemory = upTo;
      },
      (detail) => t.fail(detail),
    );
    for (let block = 1; block <= lastBlock; block += 1) {
      reader.want(block - 1);
      if (inMemory < block) await reader.idle();
      const packet = reader.packet(block);
      t.deepEqual([...packet.subarray(0, 4)], [0, 3, (block >>> 8) & 255, block & 255]);
      t.is(packet.length, block === lastBlock ? 4 + (size % blksize) : 4 + blksize);
      got.push(...packet.subarray(4));
    }
    t.deepEqual(Uint8Array.from(got), bytes);
  });
}

test('one piece ahead of what is acknowledged and no further, whatever is asked for again', async (t) => {
  const source = sourceOf(pattern(64 * 1024 * 5));
  const reader = blockReader(
    source,
    { blksize: 512, windowsize: 1 },
    () => undefined,
    () => undefined,
  );
  t.deepEqual(source.reads, []);
  for (let round = 0; round < 3; round += 1) reader.want(0);
  await reader.idle();
  t.deepEqual(source.reads, [0], 'one that never acknowledged may be a ghost');
  for (const acked of [1, 63]) {
    reader.want(acked);
    await reader.idle();
    t.deepEqual(source.reads, [0, 32768]);
  }
  reader.want(64);
  await reader.idle();
  t.deepEqual(source.reads, [0, 32768, 65536]);
});

test('a window that an ACK opens is in memory already', async (t) => {
  let inMemory = 0;
  const windowsize = 16;
  const reader = blockReader(
    sourceOf(pattern(1468 * 200)),
    { blksize: 1468, windowsize },
    (upTo) => {
      inMemory = upTo;
    },
    (detail) => t.fail(detail),
  );
  reader.want(0);
  await reader.idle();
  for (let acked = 0; acked + windowsize <= 200; acked += windowsize) {
    t.true(inMemory >= acked + windowsize, `${acked} acknowledged, ${inMemory} in memory`);
    reader.want(acked);
    await reader.idle();
  }
});

test('a file that became shorter is a failure, told once', async (t) => {
  const failures: string[] = [];
  const reader = blockReader(
    sourceOf(pattern(100), 2000),
    { blksize: 512, windowsize: 1 },
    () => t.fail('nothing was read'),
    (detail) => failures.push(detail),
  );
  reader.want(0);
  await reader.idle();
  reader.want(1);
  await reader.idle();
  t.deepEqual(failures, ['the file ends at 100 of 2000 bytes']);
});
