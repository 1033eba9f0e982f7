import test from 'ava';
import { together } from '../../../daemon/app/lifetime.ts';

const untilAborted = (signal: AbortSignal, then: () => void): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      then();
      resolve();
    });
  });

test('one part that fails ends all the others, and they are waited for', async (t) => {
  const broken = new AbortController();
  let closed = 0;
  const others = [1, 2].map(() => untilAborted(broken.signal, () => closed++));
  await together([...others, Promise.reject(new Error('no disk'))], broken, broken.signal);
  t.is(closed, 2);
  t.is(broken.signal.reason?.message, 'no disk');
});

test('what fails because it was ended breaks nothing', async (t) => {
  const broken = new AbortController();
  const stop = new AbortController();
  const part = new Promise<never>((_, reject) =>
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason)),
  );
  const all = together([part], broken, AbortSignal.any([stop.signal, broken.signal]));
  stop.abort(new Error('SIGTERM'));
  await all;
  t.false(broken.signal.aborted);
});
