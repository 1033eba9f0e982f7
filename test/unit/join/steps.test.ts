import test from 'ava';
import { ok, problem } from '../../../config/result.ts';
import { millis, minutes, seconds } from '../../../config/values.ts';
import { semaphore } from '../../../daemon/join/semaphore.ts';
import { runStep, stepDeadlines } from '../../../daemon/join/steps.ts';
import { createClockDouble } from '../../support/doubles.ts';

const never = new Promise<never>(() => undefined);
const signal = new AbortController().signal;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a step that hangs is cut at its deadline, and not before', async (t) => {
  const clock = createClockDouble();
  let end: unknown;
  let cut = false;
  const running = runStep('probe', { clock, signal, transfers: semaphore(1) }, (context) => {
    context.signal.addEventListener('abort', () => {
      cut = true;
    });
    return never;
  }).then((result) => {
    end = result;
  });
  await clock.advance(millis(stepDeadlines.probe - 1000));
  t.is(end, undefined);
  await clock.advance(seconds(1));
  await running;
  t.deepEqual(end, problem('STEP_TIMEOUT', 'probe did not end within 2 minutes, and was cut'));
  t.true(cut, 'whoever listens is told');
});

test('what a step comes to is passed on, and its clock runs no longer', async (t) => {
  const clock = createClockDouble();
  const run = { clock, signal, transfers: semaphore(1) };
  t.deepEqual(await runStep('probe', run, async () => ok('clean')), ok('clean'));
  t.deepEqual(await runStep('join', run, async () => problem('JOIN', 'no')), problem('JOIN', 'no'));
  const broken = runStep('join', run, async () => {
    throw new Error('ours');
  });
  await t.throwsAsync(broken, { message: 'ours' });
  t.deepEqual(clock.sleepers(), []);
});

test('an abort ends a step that does not listen, with the reason', async (t) => {
  const clock = createClockDouble();
  const stopping = new AbortController();
  const running = runStep('join', { clock, signal: stopping.signal, transfers: semaphore(1) }, () => never);
  stopping.abort(new Error('daemon stops'));
  await t.throwsAsync(running, { message: 'daemon stops' });
  t.deepEqual(clock.sleepers(), []);
});

test('waiting for a turn does not count, the transfer itself does; one that hangs gives its place up', async (t) => {
  const clock = createClockDouble();
  const transfers = semaphore(1);
  const first = runStep('install', { clock, signal, transfers }, ({ transfer }) => transfer(() => never));
  await settled();
  let began = false;
  const second = runStep('install', { clock, signal, transfers }, async ({ transfer }) => {
    await transfer(async () => {
      began = true;
      await clock.sleep(minutes(19), signal);
    });
    return ok(undefined);
  });
  await settled();
  t.false(began, 'it is not its turn');
  await clock.advance(stepDeadlines.install);
  const cut = await first;
  t.is(cut.ok ? '' : cut.error.code, 'STEP_TIMEOUT');
  t.true(began);
  await clock.advance(minutes(19));
  t.deepEqual(await second, ok(undefined), 'it had its whole time');
});
