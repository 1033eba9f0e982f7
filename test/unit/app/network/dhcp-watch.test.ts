import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import { type Ipv4, minutes, parseIpv4, parseMac, seconds } from '../../../../config/values.ts';
import { createDhcpStanding, standingAdvice } from '../../../../daemon/app/network/dhcp-standing.ts';
import { watchForServers } from '../../../../daemon/app/network/dhcp-watch.ts';
import { decodePacket, encodePacket } from '../../../../daemon/dhcp/packet.ts';
import type { OpenUdp } from '../../../../daemon/ports.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const mac = must(parseMac('dc:a6:32:00:00:01'));

type World = { link: number; shared: boolean; mac: boolean; breaks: boolean; refuses: string };

/** The watch and the standing on a machine that is a double; `world` is what it is like. */
function start(t: ExecutionContext, { search = 120, launcher = true, mac: hasMac = true } = {}) {
  const [clock, log, stop] = [createClockDouble(), createLogDouble(), new AbortController()];
  const standing = createDhcpStanding({
    config: { dhcp: { mode: 'full', search, guests: 'off' } },
    settings: new Map(),
    commit: async () => 1,
    log,
  });
  const world: World = { link: 1, shared: false, mac: hasMac, breaks: false, refuses: '' };
  let looks = 0;
  let answer: () => void = () => undefined;
  const openUdpDouble: OpenUdp = async ({ bind, onMessage }) => ({
    local: bind,
    send: (payload, _to, onSent) => {
      if (world.refuses !== '') return onSent?.(new Error(world.refuses));
      looks += 1;
      const offer = { ...must(decodePacket(payload)), op: 2 as const, yiaddr: ip('10.77.0.50') };
      answer = () =>
        onMessage(encodePacket({ ...offer, options: new Map([[53, Uint8Array.of(2)]]) }), {
          address: ip('10.77.0.254'),
          port: 67,
        });
      return onSent?.();
    },
    close: async () => undefined,
  });
  const watch = watchForServers({
    config: { dhcp: { mode: 'full', search, guests: 'off' } },
    site: { interface: 'eth0', address: ip('10.77.0.1'), shared: false },
    siteNow: () => ({ shared: world.shared }),
    standing,
    openUdp: openUdpDouble,
    inherited: new Map(launcher ? [[68, 5]] : []),
    random: createRandomDouble(),
    look: async () => (world.mac ? { mac, carrier: true } : undefined),
    linkChanges: async () => {
      if (world.breaks) throw new Error('sysfs is gone');
      return world.link;
    },
    ...{ clock, log, signal: stop.signal },
  });
  t.teardown(() => {
    stop.abort();
    return watch.closed;
  });
  const advice = (): string =>
    standingAdvice(standing.now(), { topology: 'beside-router', dhcp: { mode: 'full', search, guests: 'off' } }) ?? '';
  return { clock, standing, world, watch, advice, looks: () => looks, answer: () => answer() };
}

test('the cable goes to another switch: nobody new is served until the search is over; a router there narrows', async (t) => {
  const { clock, standing, world, watch, answer } = start(t);
  await clock.advance(minutes(2.5));
  t.true(standing.isAlone());
  world.link += 2;
  await clock.advance(seconds(1));
  t.is(standing.now().name, 'searching');
  await clock.advance(seconds(118));
  t.is(standing.now().name, 'searching');
  await clock.advance(seconds(3));
  t.true(standing.isAlone());
  world.link += 2;
  await clock.advance(seconds(1));
  answer();
  await watch.closed;
  t.deepEqual(standing.now(), { name: 'narrowed', server: ip('10.77.0.254') });
});

test('the owner’s word holds when the cable was out, and it looks at once', async (t) => {
  const { clock, standing, world, looks } = start(t, { search: 0 });
  await clock.advance(seconds(10));
  const before = looks();
  world.link += 2;
  await clock.advance(seconds(1));
  t.true(standing.isAlone());
  t.is(looks(), before + 1);
});

test('while nothing can be sent it is told, and boards are served on; when it can it is not told any more', async (t) => {
  const { clock, standing, world, advice } = start(t);
  await clock.advance(minutes(2.5));
  world.refuses = 'send EPERM';
  await clock.advance(minutes(3));
  t.deepEqual(standing.now(), { name: 'alone', deaf: 'send EPERM' });
  t.regex(advice(), /cannot look for another DHCP server \(send EPERM\)/);
  world.refuses = '';
  await clock.advance(minutes(1));
  t.deepEqual(standing.now(), { name: 'alone' });
});

test('a search that broke begins again, and what happened meanwhile to the cable is seen', async (t) => {
  const { clock, standing, world, advice } = start(t);
  await clock.advance(minutes(2.5));
  world.breaks = true;
  await clock.advance(seconds(5));
  t.true(standing.isAlone());
  t.regex(advice(), /sysfs is gone/);
  world.breaks = false;
  world.link += 2;
  await clock.advance(seconds(32));
  t.is(standing.now().name, 'searching');
  await clock.advance(minutes(2.5));
  t.deepEqual(standing.now(), { name: 'alone' });
});

test('it begins once the interface has a hardware address', async (t) => {
  const { clock, standing, world, advice } = start(t, { mac: false });
  await clock.advance(minutes(3));
  t.regex(advice(), /eth0 has no hardware address/);
  world.mac = true;
  await clock.advance(minutes(3));
  t.true(standing.isAlone());
});

test('without a socket of its own it stops when a second network comes, and goes on when that is gone', async (t) => {
  const { clock, standing, world, looks } = start(t, { launcher: false });
  await clock.advance(seconds(30));
  world.shared = true;
  await clock.advance(minutes(5));
  t.is(standing.now().name, 'deaf');
  const before = looks();
  await clock.advance(minutes(5));
  t.is(looks(), before);
  world.shared = false;
  await clock.advance(minutes(3));
  t.true(standing.isAlone());
});
