import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import {
  type Ipv4,
  type Mac,
  type Millis,
  millis,
  minutes,
  parseHostname,
  parseIpv4,
  parseMac,
  seconds,
} from '../../../../config/values.ts';
import { createAddressSurvey, foreignAdvice, rivalAdvice } from '../../../../daemon/app/network/address-survey.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import { aDevice, MAC, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const ip = (last: number): Ipv4 => must(parseIpv4(`10.77.0.${last}`));
const laptop = must(parseMac('00:11:22:33:44:55'));
const board = { ...aDevice(states.ready), address: ip(100), macs: [MAC] };

/** Time goes by in turns of five seconds; `answers` is who answers for what. */
function lab(t: ExecutionContext, upcoming: readonly number[] = []) {
  const clock = createClockDouble();
  const log = createLogDouble();
  const answers = new Map<Ipv4, Mac>();
  const asked: Ipv4[] = [];
  const contested: string[] = [];
  let broken = false;
  let elapsed = millis(0);
  let next = upcoming.map(ip);
  const fleet = createFleet([board]);
  const survey = createAddressSurvey({
    upcoming: () => next,
    fleet: () => fleet,
    onContested: ({ name }, rival) => contested.push(`${name} ${rival}`),
    rests: { elapsed: () => elapsed },
    log,
  });
  const life = new AbortController();
  const check = {
    occupant: async (address: Ipv4) => {
      asked.push(address);
      if (broken) throw new Error('no socket');
      return answers.get(address);
    },
  };
  const followed = survey.follow(check, clock, life.signal);
  t.teardown(async () => {
    life.abort();
    await followed;
  });
  const lapse = async (time: Millis): Promise<readonly Ipv4[]> => {
    asked.length = 0;
    for (let left = time; left > 0; left = millis(left - seconds(5))) {
      elapsed = millis(elapsed + seconds(5));
      await clock.advance(seconds(5));
    }
    return [...asked];
  };
  return {
    ...survey,
    fleet,
    answers,
    log,
    lapse,
    asked,
    contested,
    /** A turn is over. */
    first: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.whenSleeping(1);
    },
    breakSockets: () => {
      broken = true;
    },
    goOn: (...last: number[]) => {
      next = last.map(ip);
    },
  };
}

test('asks about the next ones at once, and again when that is five minutes old', async (t) => {
  const { first, asked, lapse } = lab(t, [101, 102]);
  await first();
  t.deepEqual(asked, [ip(101), ip(102)]);
  t.deepEqual(await lapse(minutes(4)), []);
  t.deepEqual(await lapse(minutes(1)), [ip(101), ip(102)]);
});

test('one that is used is for nobody but its user, and is free again once nobody answers', async (t) => {
  const { first, answers, isUsed, foreign, lapse, goOn } = lab(t);
  await first();
  answers.set(ip(101), laptop);
  goOn(101, 102);
  await lapse(seconds(5));
  t.true(isUsed(ip(101)));
  t.false(isUsed(ip(101), laptop), 'it may ask for the address that it uses');
  t.false(isUsed(ip(102)));
  t.like(foreign(), [{ address: ip(101), mac: laptop }]);
  answers.clear();
  await lapse(minutes(1));
  t.false(isUsed(ip(101)));
  t.deepEqual(foreign(), []);
});

test('what comes next is asked about when its turn comes; what went by is forgotten', async (t) => {
  const { first, goOn, lapse } = lab(t, [101]);
  await first();
  goOn(102);
  t.deepEqual(await lapse(seconds(5)), [ip(102)]);
  goOn(101);
  t.deepEqual(await lapse(seconds(5)), [ip(101)]);
});

test('declined: kept out for an hour, asked about at once, and at most sixteen of them', async (t) => {
  const { first, quarantine, isUsed, lapse, foreign } = lab(t);
  await first();
  t.true(quarantine(ip(101)));
  t.true(isUsed(ip(101), laptop));
  t.deepEqual(await lapse(seconds(5)), [ip(101)]);
  await lapse(minutes(58));
  t.true(isUsed(ip(101)), 'nobody answers, and still');
  await lapse(minutes(3));
  t.false(isUsed(ip(101)));
  for (let last = 1; last <= 16; last++) t.true(quarantine(ip(last)));
  t.true(quarantine(ip(16)), 'once more');
  t.false(quarantine(ip(17)), 'that many are a lie');
  t.is(foreign().length, 16);
});

test('a board’s own address is looked up once a minute at most; the board itself is no conflict', async (t) => {
  const { first, answers, recheck, rivalOf, lapse, log } = lab(t);
  await first();
  answers.set(board.address, MAC);
  recheck(board);
  recheck(board);
  t.deepEqual(await lapse(seconds(5)), [board.address]);
  recheck(board);
  t.deepEqual(await lapse(seconds(30)), []);
  t.is(rivalOf(board), undefined);
  answers.set(board.address, laptop);
  await lapse(seconds(30));
  recheck(board);
  await lapse(seconds(5));
  t.like(rivalOf(board), { address: board.address, mac: laptop });
  t.like(log.find('another device uses the address of a board'), {
    level: 'warn',
    fields: { name: 'worker-kube1', mac: laptop },
  });
  answers.delete(board.address);
  await lapse(minutes(1));
  t.is(rivalOf(board), undefined, 'looked up again without being told');
});

test('a board that declined: told of for a quarter of an hour, though nobody answers us', async (t) => {
  const { first, declined, rivalOf, lapse, answers } = lab(t);
  await first();
  declined(board);
  t.like(rivalOf(board), { address: board.address, mac: undefined });
  await lapse(minutes(14));
  t.truthy(rivalOf(board));
  await lapse(minutes(2));
  t.is(rivalOf(board), undefined);
  declined(board);
  answers.set(board.address, laptop);
  await lapse(seconds(5));
  t.like(rivalOf(board), { mac: laptop }, 'and by whom');
});

test('a board that has another address now has no rival any more', async (t) => {
  const { first, declined, rivalOf, fleet, lapse } = lab(t);
  await first();
  declined(board);
  const moved = { ...board, address: ip(101) };
  fleet.put(moved);
  t.is(rivalOf(moved), undefined);
  await lapse(minutes(2));
  t.is(rivalOf(board), undefined);
});

test('what cannot be asked is asked again', async (t) => {
  const { first, breakSockets, lapse, goOn, isUsed } = lab(t);
  await first();
  breakSockets();
  goOn(101);
  t.deepEqual(await lapse(seconds(10)), [ip(101), ip(101)]);
  t.false(isUsed(ip(101)));
});

test('the owner is told the address, who has it, and what to do; not more than a few lines of it', (t) => {
  const found = [101, 102, 103, 104, 105].map((last) => ({
    address: ip(last),
    mac: last === 102 ? undefined : last === 103 ? must(parseMac('dc:a6:32:01:02:03')) : laptop,
  }));
  const [one, two, three, more, ...rest] = foreignAdvice(found);
  t.regex(one ?? '', /10\.77\.0\.101 .* is used by 00:11:22:33:44:55: no board gets it; .* `addresses`/);
  t.regex(two ?? '', /is used by another device/);
  t.notRegex(`${one}${two}`, /forgotten/);
  t.regex(three ?? '', /dc:a6:32:01:02:03, a Raspberry Pi: .*forgotten, start it from the network .*`addresses`/);
  t.is(more, '2 more addresses of the boards’ range are used by others');
  t.deepEqual(rest, []);
  const name = must(parseHostname('worker-kube1'));
  t.is(
    rivalAdvice({ name }, { address: ip(100), mac: laptop }),
    'another device, 00:11:22:33:44:55, uses 10.77.0.100, the address of worker-kube1: find it and take it off this network',
  );
  t.regex(rivalAdvice({ name }, { address: ip(100), mac: undefined }), /^another device uses 10/);
});

test('contested: another one answers, or nobody does after a DECLINE; not if the board itself answers', async (t) => {
  const { first, recheck, declined, answers, contested, lapse } = lab(t);
  await first();
  declined(board);
  await first();
  t.deepEqual(contested.splice(0), ['worker-kube1 undefined']);
  await lapse(minutes(2));
  t.deepEqual(contested, [], 'it is asked about again, but nobody declined it again');
  answers.set(board.address, MAC);
  declined(board);
  await lapse(minutes(2));
  t.deepEqual(contested, [], 'somebody else spoke in its name');
  answers.set(board.address, laptop);
  declined(board);
  await lapse(seconds(5));
  t.is(contested[0], `worker-kube1 ${laptop}`);
  contested.length = 0;
  answers.delete(board.address);
  await lapse(minutes(2));
  t.deepEqual(contested, []);
  answers.set(board.address, laptop);
  recheck(board);
  await lapse(seconds(5));
  t.deepEqual(contested, [`worker-kube1 ${laptop}`], 'found by ourselves');
});

test('a board that was told its address is looked up at once, and so is what comes next', async (t) => {
  const { first, asked, recheck, goOn, wake } = lab(t);
  await first();
  recheck(board);
  await first();
  t.deepEqual(asked, [board.address]);
  goOn(101);
  wake();
  await first();
  t.deepEqual(asked, [board.address, ip(101)]);
});
