import { getEventListeners } from 'node:events';
import test from 'ava';
import { semaphore } from '../../../daemon/join/semaphore.ts';

test('so many at a time, first come, first served; a failure frees its place', async (t) => {
  const atATime = semaphore(2);
  const { signal } = new AbortController();
  const order: string[] = [];
  const gates = ['a', 'b', 'c', 'd'].map((name) => {
    const gate = Promise.withResolvers<void>();
    const work = atATime(signal, () => {
      order.push(name);
      return gate.promise;
    });
    return { ...gate, work };
  });
  const [a, b, c, d] = gates;
  await new Promise(setImmediate);
  t.deepEqual(order, ['a', 'b']);
  b?.reject(new Error('broken'));
  await t.throwsAsync(b?.work ?? Promise.resolve(), { message: 'broken' });
  a?.resolve();
  c?.resolve();
  d?.resolve();
  await Promise.all([a?.work, c?.work, d?.work]);
  t.deepEqual(order, ['a', 'b', 'c', 'd']);
  t.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('who gives up waiting takes nobody else out of the queue', async (t) => {
  const atATime = semaphore(1);
  const gate = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  const first = atATime(signal, () => gate.promise);
  const leaving = new AbortController();
  const second = atATime(leaving.signal, async () => t.fail());
  const third = atATime(signal, async () => 'third');
  leaving.abort(new Error('enough'));
  await t.throwsAsync(second, { message: 'enough' });
  gate.resolve();
  await first;
  t.is(await third, 'third');
  t.is(await atATime(signal, async () => 'free again'), 'free again');
});
