import test from 'ava';
import { recentReads } from '../../../daemon/boot/recent-reads.ts';
import type { ByteSource } from '../../../daemon/ports.ts';

const kibibyte = 1024;
const piece = 256 * kibibyte;
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7 + (at >>> 8)) & 255);

/** A source that counts what is read from it; `reading` may hold a read up or fail it. */
function sourceOf(bytes: Uint8Array, reading: () => Promise<void> = async () => undefined) {
  const reads: number[] = [];
  const source: ByteSource = {
    size: bytes.length,
    read: async (into, offset) => {
      reads.push(offset);
      await reading();
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    close: async () => undefined,
  };
  return { source, reads };
}

/** `deepEqual` takes seconds for as many bytes. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

async function readAll(source: ByteSource, step: number): Promise<Uint8Array> {
  const all = new Uint8Array(source.size);
  for (let at = 0; at < source.size; at += step) await source.read(all.subarray(at, at + step), at);
  return all;
}

for (const size of [0, 1, piece, piece + 1, 3 * piece + 17]) {
  test(`${size} bytes, in steps that fit no piece: they are the file, and went to the disk once`, async (t) => {
    const bytes = pattern(size);
    const { source, reads } = sourceOf(bytes);
    const recent = recentReads({ bytesMax: 16 * piece });
    for (const step of [64_592, 1468 * 32]) t.true(same(await readAll(recent.of('kernel', source), step), bytes));
    t.deepEqual(
      reads,
      Array.from({ length: Math.ceil(size / piece) }, (_, at) => at * piece),
    );
  });
}

test('many who want the same at the same time wait for one read', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const { source, reads } = sourceOf(pattern(1000), () => arrived.promise);
  const recent = recentReads({ bytesMax: piece });
  const boards = Array.from({ length: 20 }, () => readAll(recent.of('kernel', source), 1000));
  arrived.resolve();
  for (const got of await Promise.all(boards)) t.deepEqual(got, pattern(1000));
  t.deepEqual(reads, [0]);
});

test('two keys have nothing in common', async (t) => {
  const recent = recentReads({ bytesMax: 4 * piece });
  const [one, other] = [pattern(600), new Uint8Array(700).fill(9)];
  t.deepEqual(await readAll(recent.of('one', sourceOf(one).source), 600), one);
  t.deepEqual(await readAll(recent.of('other', sourceOf(other).source), 700), other);
});

test('no more than agreed is kept: what was not used longest goes', async (t) => {
  const { source, reads } = sourceOf(pattern(3 * piece));
  const file = recentReads({ bytesMax: 2 * piece }).of('kernel', source);
  const touch = async (at: number) => await file.read(new Uint8Array(10), at * piece);
  for (const at of [0, 1, 0, 2]) await touch(at);
  t.deepEqual(reads, [0, piece, 2 * piece]);
  await touch(0);
  t.is(reads.length, 3, 'used again, so kept');
  await touch(1);
  t.deepEqual(reads.slice(3), [piece]);
});

test('a read that failed is not kept, and fails for those who waited for it', async (t) => {
  const failures = [new Error('EIO')];
  const { source, reads } = sourceOf(pattern(1000), async () => {
    const failure = failures.pop();
    if (failure !== undefined) throw failure;
  });
  const file = recentReads({ bytesMax: piece }).of('kernel', source);
  const both = await Promise.allSettled([readAll(file, 1000), readAll(file, 1000)]);
  t.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.deepEqual(await readAll(file, 1000), pattern(1000));
  t.deepEqual(reads, [0, 0]);
});

test('a file that became shorter gives what there is', async (t) => {
  const { source } = sourceOf(pattern(100));
  const file = recentReads({ bytesMax: piece }).of('kernel', { ...source, size: 2000 });
  t.is(await file.read(new Uint8Array(500), 0), 100);
  t.is(await file.read(new Uint8Array(500), 200), 0);
});
