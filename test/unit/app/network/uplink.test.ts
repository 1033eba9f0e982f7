import test from 'ava';
import { must } from '../../../../config/result.ts';
import { parseIpv4, parseMac, seconds, subnetOf } from '../../../../config/values.ts';
import { followUplink, uplinkPlace } from '../../../../daemon/app/network/uplink.ts';
import type { NetworkInterface } from '../../../../daemon/system/interface-choice.ts';
import { createClockDouble } from '../../../support/doubles.ts';
import { heldBytes } from '../../../support/heap.ts';

const ip = (text: string) => must(parseIpv4(text));
const at = (name: string, ...addresses: readonly string[]): NetworkInterface => ({
  name,
  mac: must(parseMac('dc:a6:32:01:02:03')),
  kind: 'wired',
  carrier: true,
  addresses: addresses.map((address) => ({ address: ip(address), prefix: 24 })),
});
const site = { interface: 'eth0', subnet: subnetOf(ip('10.77.0.1'), 24) };
const eth0 = at('eth0', '10.77.0.1');

test('the uplink, once it has an address', (t) => {
  const home = uplinkPlace('wlan0', site, [eth0, at('wlan0', '192.168.1.5')]);
  t.deepEqual(home, { interface: 'wlan0', address: ip('192.168.1.5'), subnet: subnetOf(ip('192.168.1.0'), 24) });
  t.is(uplinkPlace('wlan0', site, [eth0, at('wlan0')]), undefined);
  t.is(uplinkPlace('wlan0', site, [eth0]), undefined);
  t.is(uplinkPlace(undefined, site, [eth0, at('wlan0', '192.168.1.5')]), undefined);
});

test("never the boards' own interface or subnet: what comes in is told apart by its subnet", (t) => {
  t.is(uplinkPlace('eth0', site, [at('eth0', '10.77.0.1', '192.168.1.5')]), undefined);
  t.is(uplinkPlace('wlan0', site, [eth0, at('wlan0', '10.77.0.9')]), undefined);
  t.is(uplinkPlace('wlan0', site, [eth0, at('wlan0', '10.77.0.9', '192.168.1.5')])?.address, ip('192.168.1.5'));
});

function followed(serveDouble: (address: string) => Promise<void> = async () => undefined) {
  const clock = createClockDouble();
  const stop = new AbortController();
  const told: string[] = [];
  let wlan0: readonly string[] | undefined = [];
  const closed = followUplink(
    {
      ...{ site, clock, signal: stop.signal },
      siteNow: () => ({ uplink: 'wlan0' }),
      look: async () => {
        if (wlan0 === undefined) throw new Error('EMFILE');
        return [eth0, at('wlan0', ...wlan0)];
      },
    },
    async ({ address }, signal) => {
      told.push(`begins at ${address}`);
      await serveDouble(address);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      told.push(`ends at ${address}`);
    },
  );
  const turn = (...addresses: readonly string[]) => turnWith(addresses);
  const turnWith = async (addresses: readonly string[] | undefined): Promise<readonly string[]> => {
    wlan0 = addresses;
    await clock.whenSleeping(1);
    await clock.advance(seconds(5));
    // It rests again, or it has ended.
    await Promise.race([clock.whenSleeping(1), closed.catch(() => undefined)]);
    return told.splice(0);
  };
  return { turn, blindTurn: () => turnWith(undefined), stop, closed, told };
}

test('served where the uplink is, anew where it goes, and not at all while it has no address', async (t) => {
  const { turn, stop, closed, told } = followed();
  t.deepEqual(await turn(), []);
  t.deepEqual(await turn('192.168.1.5'), ['begins at 192.168.1.5']);
  t.deepEqual(await turn('192.168.1.5'), []);
  t.deepEqual(await turn('192.168.1.6'), ['ends at 192.168.1.5', 'begins at 192.168.1.6']);
  t.deepEqual(await turn(), ['ends at 192.168.1.6']);
  t.deepEqual(await turn('192.168.1.6'), ['begins at 192.168.1.6']);
  stop.abort();
  await closed;
  t.deepEqual(told, ['ends at 192.168.1.6']);
});

test('what cannot be served there is the end of it: whoever keeps it up begins again', async (t) => {
  const { turn, closed } = followed(() => Promise.reject(new Error('port 8067 is taken')));
  const ended = t.throwsAsync(closed, { message: 'port 8067 is taken' });
  await turn('192.168.1.5');
  await ended;
});

test('a look that fails changes nothing: what is served goes on, once', async (t) => {
  const { turn, blindTurn, stop, closed, told } = followed();
  t.deepEqual(await turn('192.168.1.5'), ['begins at 192.168.1.5']);
  t.deepEqual(await blindTurn(), []);
  t.deepEqual(await turn('192.168.1.5'), []);
  stop.abort();
  await closed;
  t.deepEqual(told, ['ends at 192.168.1.5']);
});

test('turn after turn nothing is left over', async (t) => {
  const stop = new AbortController();
  const held: number[] = [];
  let turns = 0;
  const sleep = async (): Promise<void> => {
    turns += 1;
    if (turns === 1000 || turns === 21_000) held.push(heldBytes());
    if (turns === 21_000) stop.abort();
  };
  await followUplink(
    { site, siteNow: () => undefined, look: async () => [], clock: { sleep }, signal: stop.signal },
    () => Promise.reject(new Error('there is no uplink')),
  );
  const [early = 0, late = 0] = held;
  t.true(late - early < 1_000_000, `${late - early} bytes more after 20,000 turns`);
});
