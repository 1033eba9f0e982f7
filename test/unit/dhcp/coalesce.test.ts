import test from 'ava';
import { coalesce } from '../../../daemon/dhcp/coalesce.ts';

/** Work that goes on only when it is told to. */
const stepwise = (capacity = 10) => {
  const log: string[] = [];
  const gates: (() => void)[] = [];
  const queue = coalesce<string, string>({
    capacity,
    repeats: (a, b) => a[0] === b[0],
    work: async (job) => {
      log.push(`begin ${job.latest}`);
      await new Promise<void>((resolve) => gates.push(resolve));
      log.push(`end ${job.latest}`);
    },
  });
  const step = async (): Promise<void> => {
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, log, step };
};

test('a repetition becomes the latest of the job in work', async (t) => {
  const { queue, log, step } = stepwise();
  for (const item of ['a1', 'a2', 'a3']) queue.push('k', item);
  await step();
  t.deepEqual(log, ['begin a1', 'end a3']);
});

test('something else waits its turn; the newest replaces what waits', async (t) => {
  const { queue, log, step } = stepwise();
  for (const item of ['a1', 'b1', 'c1', 'c2']) queue.push('k', item);
  await step();
  await step();
  t.deepEqual(log, ['begin a1', 'end a1', 'begin c2', 'end c2']);
});

test('a repetition behind something that waits does not overtake it', async (t) => {
  const { queue, log, step } = stepwise();
  for (const item of ['a1', 'b1', 'a2']) queue.push('k', item);
  await step();
  await step();
  t.deepEqual(log, ['begin a1', 'end a1', 'begin a2', 'end a2']);
});

test('keys go side by side', async (t) => {
  const { queue, log, step } = stepwise();
  queue.push('k', 'a1');
  queue.push('l', 'b1');
  t.deepEqual(log, ['begin a1', 'begin b1']);
  await step();
  await step();
  t.is(log.length, 4);
});

test('a flood of keys is cut off, known keys are not', async (t) => {
  const { queue, step } = stepwise(2);
  t.is(queue.push('k', 'a1'), 'taken');
  t.is(queue.push('l', 'a1'), 'taken');
  t.is(queue.push('m', 'a1'), 'full');
  t.is(queue.push('k', 'a2'), 'repeated');
  t.is(queue.push('k', 'b1'), 'taken', 'waits');
  t.is(queue.push('k', 'b2'), 'repeated', 'one waits at most');
  await step();
  await step();
  t.is(queue.push('m', 'a1'), 'taken');
});

test('strangers cannot take the room of those we know, nor these theirs', async (t) => {
  const { queue, step } = stepwise(2);
  for (const key of ['k', 'l']) t.is(queue.push(key, 'a1'), 'taken');
  for (const key of ['board1', 'board2', 'board3']) t.is(queue.push(key, 'a1', true), 'taken');
  t.is(queue.push('m', 'a1'), 'full');
  await step();
  t.is(queue.push('m', 'a1'), 'taken');
  t.is(queue.push('n', 'a1'), 'full', 'a board that is done makes no room for strangers');
});

test('idle settles when all is done, also what was pushed meanwhile', async (t) => {
  const { queue, log, step } = stepwise();
  queue.push('k', 'a1');
  queue.push('k', 'b1');
  const idle = queue.idle().then(() => log.push('idle'));
  await step();
  t.false(log.includes('idle'));
  await step();
  await idle;
  t.is(log.at(-1), 'idle');
});
