import { Writable } from 'node:stream';
import test from 'ava';
import { chunkBytes, pump } from '../../../daemon/http/stream.ts';
import type { ByteSource } from '../../../daemon/ports.ts';
import { heldBytes } from '../../support/heap.ts';

const zeros = (size: number, onRead: () => void = () => undefined): ByteSource => ({
  size,
  read: async (into, offset) => {
    onRead();
    return Math.min(into.length, size - offset);
  },
  close: async () => undefined,
});

/** A client; `stuck` takes the first chunk and never says that it has it. */
const client = (onWrite: () => void, stuck = false): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) => {
      onWrite();
      if (!stuck) done();
    },
  });

test('however long a stream is, nothing is left over from each chunk', async (t) => {
  const held: number[] = [];
  let chunks = 0;
  const sink = client(() => {
    chunks += 1;
    if (chunks === 1000 || chunks === 21_000) held.push(heldBytes());
  });
  await pump(zeros(21_000 * chunkBytes), 0, sink, new AbortController().signal);
  const [early = 0, late = 0] = held;
  t.is(held.length, 2);
  t.true(late - early < 1_000_000, `${late - early} bytes more after 20,000 chunks`);
});

test('a client that takes nothing holds two chunks, and is left at once when it is gone', async (t) => {
  const gone = new AbortController();
  const second = Promise.withResolvers<void>();
  let reads = 0;
  const source = zeros(10 * chunkBytes, () => {
    reads += 1;
    if (reads === 2) second.resolve();
  });
  const writes = { count: 0 };
  const pumped = pump(
    source,
    0,
    client(() => {
      writes.count += 1;
    }, true),
    gone.signal,
  );
  await second.promise;
  gone.abort(new Error('the client is gone'));
  await t.throwsAsync(pumped, { message: 'the client is gone' });
  t.deepEqual([reads, writes.count], [2, 1]);
});

test('nothing is written for a client that went while the source was read', async (t) => {
  const gone = new AbortController();
  const writes = { count: 0 };
  const source = zeros(10 * chunkBytes, () => gone.abort(new Error('the client is gone')));
  await t.throwsAsync(
    pump(
      source,
      0,
      client(() => {
        writes.count += 1;
      }),
      gone.signal,
    ),
    { message: 'the client is gone' },
  );
  t.is(writes.count, 0);
});
