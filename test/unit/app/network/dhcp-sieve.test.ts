import test, { type ExecutionContext } from 'ava';
import { must, ok, problem, type Result } from '../../../../config/result.ts';
import { type Mac, millis, parseMac, seconds } from '../../../../config/values.ts';
import { dhcpSieve } from '../../../../daemon/app/network/dhcp-sieve.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const mac = (text: string): Mac => must(parseMac(text));
const board = mac('dc:a6:32:00:00:01');
const stranger = mac('dc:a6:32:00:00:02');
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function sieved(t: ExecutionContext, outcome: () => Result<void> = () => ok(undefined)) {
  const clock = createClockDouble();
  const log = createLogDouble();
  const stop = new AbortController();
  const attached: number[] = [];
  const known = [board];
  const sieve = dhcpSieve({
    gate: (sender) => (known.includes(sender) ? 'known' : 'flood'),
    known: () => known,
    attach: async (program) => {
      attached.push(program.length / 8);
      return outcome();
    },
    ...{ clock, log, signal: stop.signal },
  });
  t.teardown(() => {
    stop.abort();
    return sieve.closed;
  });
  const flood = (count: number): void => {
    for (let left = count; left > 0; left -= 1) t.is(sieve.admit(stranger), 'flood');
  };
  return { ...sieve, clock, log, stop, attached, known, flood };
}

test('a flood is sieved before the tick is over, new boards are let through, and all is as before when it is over', async (t) => {
  const { clock, log, attached, known, flood } = sieved(t);
  await clock.whenSleeping(1);
  flood(1000);
  await clock.advance(millis(250));
  t.deepEqual(attached, []);
  flood(1251);
  await settled();
  t.is(attached.length, 1);
  t.truthy(log.find('dhcp flood: sieved'));
  await clock.advance(seconds(1));
  t.is(attached.length, 1, 'the same boards: nothing to do');
  known.push(mac('dc:a6:32:00:00:03'));
  await clock.advance(millis(250));
  t.deepEqual(attached.slice(1), [(attached[0] ?? 0) + 2]);
  await clock.advance(seconds(5));
  t.is(attached.at(-1), 1, 'let all through');
  t.truthy(log.find('dhcp flood is over'));
});

test('boards may ask as often as they like', async (t) => {
  const { admit, clock, attached } = sieved(t);
  for (let count = 0; count < 10_000; count += 1) t.is(admit(board), 'known');
  await clock.advance(seconds(1));
  t.deepEqual(attached, []);
});

test('a filter that cannot be set is tried again, and said', async (t) => {
  const outcomes: Result<void>[] = [
    problem('NOT_ATTACHED', 'no perl'),
    ok(undefined),
    problem('NOT_ATTACHED', 'no perl'),
  ];
  const { clock, log, attached, flood } = sieved(t, () => outcomes.shift() ?? ok(undefined));
  await clock.whenSleeping(1);
  flood(1300);
  await settled();
  t.like(log.find('dhcp flood: the kernel takes no filter'), { level: 'warn', fields: { detail: 'no perl' } });
  t.is(log.find('dhcp flood: sieved'), undefined);
  await clock.advance(millis(250));
  t.is(attached.length, 2);
  await clock.advance(millis(250));
  t.is(attached.length, 2);
  t.truthy(log.find('dhcp flood: sieved'));
  await clock.advance(seconds(6));
  t.deepEqual(attached.slice(2), [1, 1], 'nobody is kept out for ever because it failed once');
});

test('ends with its signal, and leaves no sieve behind', async (t) => {
  const { clock, stop, closed, attached, flood } = sieved(t);
  await clock.whenSleeping(1);
  flood(1300);
  await settled();
  stop.abort();
  await closed;
  t.deepEqual(attached.slice(1), [1]);
  t.deepEqual(clock.sleepers(), []);
});
