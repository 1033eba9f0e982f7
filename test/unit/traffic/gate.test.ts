import test from 'ava';
import { dhcpLimits } from '../../../daemon/dhcp/limits.ts';
import { httpLimits } from '../../../daemon/http/limits.ts';
import { mdnsLimits } from '../../../daemon/mdns/limits.ts';
import { tftpLimits } from '../../../daemon/tftp/limits.ts';
import { createGate, type Limits, type Passage } from '../../../daemon/traffic/gate.ts';
import { ticksPerSecond } from '../../../daemon/traffic/ticks.ts';

const limits: Limits = { each: { burst: 5, perSecond: 1 }, strangers: { burst: 20, perSecond: 4 } };

function gated(chosen: Limits = limits) {
  let tick = 0;
  const gate = createGate<string>(chosen, { isKnown: (sender) => sender.startsWith('board'), now: () => tick });
  const times = (count: number, sender: (number: number) => string): Readonly<Record<Passage, number>> => {
    const passed = { known: 0, stranger: 0, flood: 0 };
    for (let number = 0; number < count; number += 1) passed[gate(sender(number))] += 1;
    return passed;
  };
  return {
    times,
    seconds: (count: number) => {
      tick += count * ticksPerSecond;
    },
  };
}

test('a flood of ever new senders gets what all strangers share; a board does not notice', (t) => {
  const { times, seconds } = gated();
  t.deepEqual(
    times(10_000, (number) => `forged${number}`),
    { known: 0, stranger: 20, flood: 9980 },
  );
  t.deepEqual(
    times(5, () => 'board1'),
    { known: 5, stranger: 0, flood: 0 },
  );
  seconds(1);
  t.deepEqual(
    times(10_000, (number) => `forged${10_000 + number}`),
    { known: 0, stranger: 4, flood: 9996 },
  );
});

test('one that shouts uses up its own allowance, not that of all strangers', (t) => {
  const { times } = gated();
  t.deepEqual(
    times(10_000, () => 'loud'),
    { known: 0, stranger: 5, flood: 9995 },
  );
  t.is(times(15, (number) => `new${number}`).stranger, 15);
});

test('a board that shouts is held, too, and holds up nobody else', (t) => {
  const { times, seconds } = gated();
  t.is(times(1000, () => 'board1').known, 5);
  t.is(times(5, () => 'board2').known, 5);
  seconds(2);
  t.is(times(1000, () => 'board1').known, 2);
});

/** Twice of what the facts say a boot needs: nobody is to come near to a limit by booting. */
const boots = [
  { name: 'dhcp', limits: dhcpLimits, ofEach: 24, strangers: 100, ofEachStranger: 1 },
  { name: 'tftp', limits: tftpLimits, ofEach: 200, strangers: 100, ofEachStranger: 20 },
  { name: 'mdns', limits: mdnsLimits, ofEach: 20, strangers: 100, ofEachStranger: 20 },
  { name: 'http', limits: httpLimits, ofEach: 40, strangers: 100, ofEachStranger: 10 },
] as const;
for (const { name, limits: chosen, ofEach, strangers, ofEachStranger } of boots) {
  test(`${name}: what boots at once is never held, whether it is known or not`, (t) => {
    const { times } = gated(chosen);
    const known = times(100 * ofEach, (number) => `board${number % 100}`);
    t.deepEqual(known, { known: 100 * ofEach, stranger: 0, flood: 0 });
    const all = strangers * ofEachStranger;
    t.deepEqual(
      times(all, (number) => `new${number % strangers}`),
      { known: 0, stranger: all, flood: 0 },
    );
  });
}
