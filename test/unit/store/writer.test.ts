import test from 'ava';
import { StoreError } from '../../../daemon/store/error.ts';
import { startWriter } from '../../../daemon/store/writer.ts';
import { device, open, openNew, put, temporaryFolder } from './samples.ts';

const dying = new URL('./dying-writer-double.ts', import.meta.url);

test('when the writer dies, all commits reject: those under way, those that wait, those that come', async (t) => {
  const store = await openNew(t, { writerUrl: dying });
  t.is(store.revision(), 7);
  const underWay = store.commit([]);
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = store.commit([]);
  const error = await store.died;
  t.is(error.code, 'STORE_WRITER_DIED');
  t.regex(error.message, /exit code 3/);
  t.is(await t.throwsAsync(underWay, { instanceOf: StoreError }), error);
  t.is(await t.throwsAsync(waiting), error);
  t.is(await t.throwsAsync(store.commit([])), error);
  await t.notThrowsAsync(store.close());
});

test('a writer that cannot start is an error at once', async (t) => {
  const error = await t.throwsAsync(startWriter(dying, { path: '/stillborn', commitDelay: 0 }));
  t.like(error, { code: 'STORE_WRITER_DIED' });
  await t.throwsAsync(open(t, await temporaryFolder(t), { writerUrl: new URL('./not-there.ts', import.meta.url) }), {
    code: 'STORE_WRITER_DIED',
  });
});

test('a file that cannot be opened is the error of the start', async (t) => {
  const url = new URL('../../../daemon/store/writer-thread.ts', import.meta.url);
  await t.throwsAsync(startWriter(url, { path: '/nowhere/at/all.db', commitDelay: 0 }), { message: /directory/ });
});

test('too many commits for a disk that hangs are refused', async (t) => {
  const store = await openNew(t);
  // None of these gets a turn before the loop ends.
  const all = Array.from({ length: 5000 }, () => store.commit([put(device(1))]));
  const codes = (await Promise.allSettled(all)).map((result) =>
    result.status === 'fulfilled' ? 'written' : result.reason.code,
  );
  t.is(codes.filter((code) => code === 'written').length, 4096);
  t.is(codes.filter((code) => code === 'STORE_OVERLOADED').length, 5000 - 4096);
});
