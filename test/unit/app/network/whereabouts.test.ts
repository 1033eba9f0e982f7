import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { parseIpv4, parseMac, seconds } from '../../../../config/values.ts';
import type { Site } from '../../../../daemon/app/network/site.ts';
import { createWhereabouts, type LaunchedSockets } from '../../../../daemon/app/network/whereabouts.ts';
import type { NetworkInterface } from '../../../../daemon/system/interface-choice.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const iface = (name: string, address: string, index = 2): NetworkInterface => ({
  name,
  index,
  mac: must(parseMac('dc:a6:32:00:00:01')),
  kind: 'wired',
  carrier: true,
  addresses: [{ address: must(parseIpv4(address)), prefix: 24 }],
});
const eth0 = iface('eth0', '10.77.0.1');

/** A machine whose interfaces change between two looks, and services that say where they run (doubles). */
function machine(t: ExecutionContext, sockets: Partial<LaunchedSockets> = {}, interfaces = [eth0]) {
  const clock = createClockDouble();
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const config = parseConfig('');
  if (!config.ok) throw new Error('no configuration');
  const around = { interfaces, resolvers: [must(parseIpv4('9.9.9.9'))] };
  const whereabouts = createWhereabouts({
    config: config.value,
    clock,
    log: createLogDouble(),
    sockets: { interface: undefined, restarted: false, ...sockets },
    inherited: new Map(sockets.interface === undefined ? [] : [[67, 3]]),
    look: async () => ({ ...around, defaultRoutes: [] }),
  });
  const told: string[] = [];
  const serve = async ({ interface: name, address }: Site, signal: AbortSignal): Promise<void> => {
    told.push(`${name} ${address}`);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    told.push('ended');
  };
  const followed = whereabouts.follow(serve, stop.signal);
  followed.catch(() => undefined);
  const turn = () => clock.advance(seconds(3));
  return { around, whereabouts, told, followed, turn, stop };
}

test('the address changes: the services end and begin again there', async (t) => {
  const { around, told, turn, whereabouts, followed, stop } = machine(t);
  await turn();
  around.interfaces = [iface('eth0', '192.168.1.2')];
  await turn();
  t.deepEqual(told, ['eth0 10.77.0.1', 'ended', 'eth0 192.168.1.2']);
  t.is(whereabouts.site()?.address, must(parseIpv4('192.168.1.2')));
  stop.abort();
  await t.notThrowsAsync(followed);
  t.is(told.at(-1), 'ended');
});

test('the cable goes to another port', async (t) => {
  const { around, told, turn } = machine(t, {}, [eth0, { ...iface('eth1', '10.78.0.1', 3), carrier: false }]);
  await turn();
  around.interfaces = [{ ...eth0, carrier: false }, iface('eth1', '10.78.0.1', 3)];
  await turn();
  t.deepEqual(told, ['eth0 10.77.0.1', 'ended', 'eth1 10.78.0.1']);
});

test('a cable that is out for a moment ends nothing; a longer one does, and what is wrong is told', async (t) => {
  const { around, told, turn, whereabouts } = machine(t);
  await turn();
  around.interfaces = [{ ...eth0, carrier: false }];
  await turn();
  around.interfaces = [eth0];
  await turn();
  t.deepEqual(told, ['eth0 10.77.0.1']);
  around.interfaces = [{ ...eth0, carrier: false }];
  await turn();
  await turn();
  t.deepEqual(told, ['eth0 10.77.0.1', 'ended']);
  t.is(whereabouts.site(), undefined);
  t.regex(whereabouts.problem(), /no cable/);
  around.interfaces = [eth0];
  await turn();
  t.deepEqual(told, ['eth0 10.77.0.1', 'ended', 'eth0 10.77.0.1']);
});

test('another resolver is known at once, and ends nothing', async (t) => {
  const { around, told, turn, whereabouts } = machine(t);
  await turn();
  around.resolvers = [must(parseIpv4('8.8.8.8'))];
  await turn();
  t.deepEqual(whereabouts.site()?.dns, around.resolvers);
  t.deepEqual(told, ['eth0 10.77.0.1']);
});

test('sockets that are bound to another interface: the process ends, and says why', async (t) => {
  const { around, told, turn, followed } = machine(t, { interface: 'eth0' });
  await turn();
  around.interfaces = [{ ...eth0, carrier: false }, iface('eth1', '10.78.0.1', 3)];
  await turn();
  await t.throwsAsync(followed, { message: /boards are on eth1 now, and the launcher's sockets on eth0: ending/ });
  t.deepEqual(told, ['eth0 10.77.0.1', 'ended']);
});

test('an interface that was taken away and put back is another one; its address may change as it likes', async (t) => {
  const { around, told, turn, followed } = machine(t, { interface: 'eth0' });
  await turn();
  around.interfaces = [iface('eth0', '10.77.0.2')];
  await turn();
  t.deepEqual(told, ['eth0 10.77.0.1', 'ended', 'eth0 10.77.0.2']);
  around.interfaces = [iface('eth0', '10.77.0.2', 9)];
  await turn();
  await t.throwsAsync(followed, { message: /eth0 was taken away and is another one now: ending/ });
});

test('a cable that comes after the start, on a machine with two networks: once more, through the launcher', async (t) => {
  const wlan0: NetworkInterface = { ...iface('wlan0', '192.168.1.9', 3), kind: 'wireless' };
  for (const restarted of [true, false]) {
    const { around, told, turn, followed, stop } = machine(t, { restarted }, [{ ...eth0, carrier: false }, wlan0]);
    await turn();
    around.interfaces = [eth0, wlan0];
    await turn();
    if (restarted) await t.throwsAsync(followed, { message: /eth0, which was not clear when this process began/ });
    else t.deepEqual(told, ['eth0 10.77.0.1'], 'nobody would start it again');
    stop.abort();
  }
});

test('Wi-Fi comes and goes: nothing ends where the launcher bound the sockets to the boards’ interface', async (t) => {
  const wlan0: NetworkInterface = { ...iface('wlan0', '192.168.1.9', 3), kind: 'wireless' };
  const bound = machine(t, { interface: 'eth0' });
  const unbound = machine(t);
  for (const { around, turn } of [bound, unbound]) {
    await turn();
    around.interfaces = [eth0, wlan0];
    await turn();
    await turn();
  }
  t.deepEqual(bound.told, ['eth0 10.77.0.1']);
  t.true(bound.whereabouts.site()?.shared, 'it is known all the same');
  t.deepEqual(unbound.told, ['eth0 10.77.0.1', 'ended', 'eth0 10.77.0.1']);
});
