import test from 'ava';
import { must, ok, problem } from '../../../../config/result.ts';
import { minutes, parseDeviceId, seconds } from '../../../../config/values.ts';
import { createHealthWatch, HEALTH_TURN } from '../../../../daemon/app/boards/health-watch.ts';
import type { Joiner, SshSession } from '../../../../daemon/join/index.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { aDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

/** A double of boards that answer `told`, or not at all. */
function watch(devices: readonly Device[], answer: () => string | undefined | Promise<never>) {
  const clock = createClockDouble();
  const log = createLogDouble();
  const stop = new AbortController();
  const looks: number[] = [];
  let boards = devices;
  const onBoard: Joiner['onBoard'] = async (_board, _signal, work) => {
    looks.push(clock.now());
    const told = await answer();
    if (told === undefined) return problem('SSH_TIMEOUT', 'silence');
    const unused = async () => ok(undefined);
    const session: SshSession = {
      run: async () => ok({ code: 0, stdout: told, stderr: '' }),
      putFile: unused,
      putBytes: unused,
    };
    return await work(session);
  };
  const health = createHealthWatch({
    ...{ boards: () => boards, joiner: { onBoard }, keys: { accepted: () => ['key'] } },
    ...{ clock, log, random: createRandomDouble(), signal: stop.signal },
  });
  const done = health.follow(() => undefined);
  const become = (next: readonly Device[]): void => {
    boards = next;
  };
  const end = (): Promise<void> => {
    stop.abort();
    return done;
  };
  return { ...health, clock, log, looks, become, end };
}

const ready = aDevice(states.ready);
const weak = 'throttled=0x1\n';

test('a board that is Ready is asked within a quarter of an hour, and then hours apart', async (t) => {
  const { clock, looks, advice, end } = watch([ready], () => weak);
  await clock.advance(minutes(17));
  t.is(looks.length, 1);
  t.regex(
    advice([ready])[0] ?? '',
    /^worker-kube1: give worker-kube1 a better power supply.*\(its power supply is too weak/,
  );
  await clock.advance(minutes(3 * 60));
  t.is(looks.length, 1);
  await clock.advance(minutes(24 * 60));
  t.true(looks.length >= 4 && looks.length <= 7, `${looks.length}`);
  await end();
});

test('many boards are not asked at one moment', async (t) => {
  const boards = Array.from({ length: 40 }, (_, number) => ({
    ...ready,
    id: must(parseDeviceId(`d-${String(number).padStart(12, '0')}`)),
  }));
  const { clock, looks, end } = watch(boards, () => weak);
  await clock.advance(minutes(30));
  t.is(looks.length, 40);
  for (const moment of looks) t.true(looks.filter((other) => other === moment).length <= 4);
  await end();
});

test('boards that do not run our system are not asked, and one that is gone is forgotten', async (t) => {
  const others = watch([aDevice(states.installing), aDevice(states.unreachable)], () => weak);
  await others.clock.advance(minutes(60));
  t.deepEqual(others.looks, []);
  t.is(await others.now(aDevice(states.installing)), undefined);
  await others.end();
  const gone = watch([ready], () => weak);
  await gone.clock.advance(minutes(17));
  t.is(gone.advice([ready]).length, 1);
  gone.become([]);
  await gone.clock.advance(HEALTH_TURN);
  t.deepEqual(gone.advice([ready]), []);
  await gone.end();
});

test('one that is described is asked anew, but not again and again; the log tells news only', async (t) => {
  const { clock, log, looks, now, end } = watch([ready], () => weak);
  t.is((await now(ready))?.signs.length, 1);
  await now(ready);
  t.is(looks.length, 1);
  await clock.advance(minutes(5));
  await now(ready);
  t.is(looks.length, 2);
  t.is(log.records.filter(({ message }) => message === 'a board is not well').length, 1);
  await end();
});

test('one that does not answer keeps nobody waiting, and is asked again later', async (t) => {
  const silent = watch([ready], () => new Promise<never>(() => undefined));
  const asked = silent.now(ready);
  await silent.clock.whenSleeping(2);
  await silent.clock.advance(seconds(3));
  t.is(await asked, undefined);
  const refusing = watch([ready], () => undefined);
  await refusing.clock.advance(minutes(17));
  t.is(refusing.looks.length, 1);
  await refusing.clock.advance(minutes(65));
  t.true(refusing.looks.length >= 2);
  t.deepEqual(refusing.advice([ready]), []);
  await refusing.end();
});
