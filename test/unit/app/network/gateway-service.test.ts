import test, { type ExecutionContext } from 'ava';
import { must, ok, type Problem, problem, type Result } from '../../../../config/result.ts';
import { minutes, parseIpv4, seconds, subnetOf } from '../../../../config/values.ts';
import { createGateway, uplinkSetting } from '../../../../daemon/app/network/gateway-service.ts';
import type { GatewaySite } from '../../../../daemon/gateway/wish.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const address = must(parseIpv4('10.77.0.1'));
const home: GatewaySite = {
  interface: 'eth0',
  address,
  subnet: subnetOf(address, 24),
  gateway: address,
  uplink: 'wlan0',
};
const line = 'up eth0 10.77.0.0/24 wlan0';

/** The world of one gateway, to be changed while it runs; the program that root runs is a double. */
async function world(t: ExecutionContext, start: Partial<World> = {}) {
  const now: World = {
    topology: 'behind-master',
    site: home,
    answer: ok('done\n'),
    forwards: true,
    settings: new Map(),
    full: false,
    ...start,
  };
  const asked: string[] = [];
  const clock = createClockDouble();
  const life = new AbortController();
  const gateway = createGateway({
    config: { topology: now.topology },
    site: () => now.site,
    ask: async (wished) => {
      asked.push(wished);
      return now.answer;
    },
    isForwarding: async () => now.forwards,
    settings: now.settings,
    commit: async (batch) => {
      if (now.full) throw new Error('disk full');
      for (const write of batch) if (write.write === 'put-setting') now.settings.set(write.key, write.value);
      return 0;
    },
    clock,
    log: createLogDouble(),
  });
  const followed = gateway.follow(life.signal);
  t.teardown(async () => {
    life.abort();
    await followed;
  });
  await clock.whenSleeping(1);
  return { now, asked, clock, gateway };
}
type World = {
  topology: 'behind-master' | 'beside-router';
  site: GatewaySite | undefined;
  answer: Result<string, Problem>;
  forwards: boolean;
  settings: Map<string, string>;
  full: boolean;
};

test('asked once the site is known, when it changes, and again after a while', async (t) => {
  const { now, asked, clock, gateway } = await world(t, { site: undefined });
  t.deepEqual(asked, []);
  now.site = home;
  await clock.advance(seconds(3));
  t.deepEqual(asked, [line]);
  await clock.advance(minutes(4));
  t.deepEqual(asked, [line]);
  // Somebody may have flushed all rules: it cannot be seen from here.
  await clock.advance(minutes(2));
  t.deepEqual(asked, [line, line]);
  now.site = { ...home, uplink: 'wwan0' };
  await clock.advance(seconds(3));
  t.is(asked.at(-1), 'up eth0 10.77.0.0/24 wwan0');
  t.is(gateway.advice(), undefined);
});

test('an uplink that is away for a while keeps its rules; one that never was has none', async (t) => {
  const { now, asked, clock, gateway } = await world(t, { site: { ...home, uplink: undefined } });
  t.deepEqual(asked, ['up eth0 10.77.0.0/24 -']);
  t.regex(gateway.advice() ?? '', /has no default route/);
  now.site = home;
  await clock.advance(seconds(3));
  t.is(gateway.advice(), undefined);
  now.site = { ...home, uplink: undefined };
  await clock.advance(minutes(1));
  t.deepEqual(asked.slice(1), [line]);
  t.regex(gateway.advice() ?? '', /has no default route/);
});

test('a failure is told, and tried again sooner', async (t) => {
  const { now, asked, clock, gateway } = await world(t, { answer: ok('failed: nft did not take the rules\n') });
  t.deepEqual(asked, [line]);
  t.regex(gateway.advice() ?? '', /nft did not take the rules/);
  now.answer = problem('EXCHANGE_FAILED', 'nobody listens');
  await clock.advance(seconds(30));
  t.is(asked.length, 2);
  t.regex(gateway.advice() ?? '', /nobody listens/);
  now.answer = ok('done\n');
  await clock.advance(seconds(30));
  t.is(asked.length, 3);
  t.is(gateway.advice(), undefined);
});

test('ip_forward that something sets to 0 is set again', async (t) => {
  const { now, asked, clock, gateway } = await world(t);
  await clock.advance(minutes(1));
  t.deepEqual(asked, [line]);
  now.forwards = false;
  await clock.advance(seconds(3));
  t.deepEqual(asked, [line, line]);
  t.regex(gateway.advice() ?? '', /ip_forward to 0/);
  await clock.advance(seconds(27));
  t.is(asked.length, 2, 'not in a race with it');
  await clock.advance(seconds(3));
  t.is(asked.length, 3);
});

test('beside a router it is taken away, once', async (t) => {
  const { asked, clock, gateway } = await world(t, { topology: 'beside-router', site: undefined, forwards: false });
  t.deepEqual(asked, ['down']);
  await clock.advance(minutes(60));
  t.deepEqual(asked, ['down']);
  t.is(gateway.advice(), undefined);
});

test('without anybody to ask, only the advice remains', async (t) => {
  const clock = createClockDouble();
  const life = new AbortController();
  const store = { settings: new Map<string, string>(), commit: async () => 0 };
  const parts = { ask: undefined, isForwarding: async () => false, clock, log: createLogDouble(), ...store };
  const gateway = createGateway({ config: { topology: 'behind-master' }, site: () => home, ...parts });
  const followed = gateway.follow(life.signal);
  await clock.whenSleeping(1);
  t.regex(gateway.advice() ?? '', /as root, \/usr\/lib\/bramble\/bramble-gateway up eth0/);
  life.abort();
  await followed;
});

test('an uplink that is away when the daemon starts again keeps its rules, too', async (t) => {
  const before = await world(t, { full: true });
  t.is(before.now.settings.size, 0);
  before.now.full = false;
  await before.clock.advance(seconds(3));
  const { settings } = before.now;
  t.is(settings.get(uplinkSetting), 'wlan0');
  const { asked } = await world(t, { settings, site: { ...home, uplink: undefined } });
  t.deepEqual(asked, [line]);
  const moved = await world(t, { settings, site: { ...home, interface: 'wlan0', uplink: undefined } });
  t.deepEqual(moved.asked, ['up wlan0 10.77.0.0/24 -'], 'what led out has the boards now');
});
