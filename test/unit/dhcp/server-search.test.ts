import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, millis, minutes, parseIpv4, parseMac, seconds } from '../../../config/values.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import { type DhcpSearchDeps, dhcpSearch } from '../../../daemon/dhcp/server-search.ts';
import type { Endpoint, OpenUdp } from '../../../daemon/ports.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../support/doubles.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const address = ip('10.77.0.1');
const router = ip('10.77.0.254');

/** The search on sockets that exist in memory only (test double); `told` is what it says. */
async function start(
  t: ExecutionContext,
  { launcher = true, ...change }: Partial<DhcpSearchDeps> & { launcher?: boolean } = {},
) {
  const clock = createClockDouble();
  const sent: { packet: DhcpPacket; to: Endpoint }[] = [];
  const told: string[] = [];
  const opened: { bind: Endpoint; fd: number | undefined }[] = [];
  let receive: Parameters<OpenUdp>[0]['onMessage'] = () => {};
  let closed = 0;
  /** What the machine does next. */
  const world: { wasUnplugged: boolean; refuses?: string | undefined } = { wasUnplugged: false };
  const openUdpDouble: OpenUdp = async ({ bind, fd, onMessage }) => {
    opened.push({ bind, fd });
    receive = onMessage;
    return {
      local: bind,
      send: (payload, to, onSent) => {
        if (world.refuses === undefined) sent.push({ packet: must(decodePacket(payload)), to });
        onSent?.(world.refuses === undefined ? undefined : new Error(world.refuses));
      },
      close: async () => {
        closed++;
      },
    };
  };
  const stop = new AbortController();
  const { closed: done, lookNow } = dhcpSearch({
    openUdp: openUdpDouble,
    ...(launcher && { fd: 5 }),
    clock,
    random: createRandomDouble(),
    log: createLogDouble(),
    signal: stop.signal,
    mac: must(parseMac('dc:a6:32:00:00:01')),
    address,
    search: () => seconds(120),
    isConnected: async () => true,
    wasUnplugged: async () => {
      const was = world.wasUnplugged;
      world.wasUnplugged = false;
      return was;
    },
    onMoved: () => told.push('moved'),
    onHearing: () => {},
    onQuiet: () => told.push('quiet'),
    onForeign: ({ server, asked }) => told.push(`${server} ${asked ? 'asked' : 'overheard'}`),
    onDeaf: (reason) => told.push(`deaf: ${reason}`),
    ...change,
  });
  t.teardown(() => {
    stop.abort();
    return done;
  });
  await clock.whenSleeping(1);
  /** What the router says to the newest look, or to another client. */
  const hear = (change: Partial<DhcpPacket> = {}): void => {
    const asked = sent.at(-1)?.packet;
    if (asked === undefined) throw new Error('nothing was asked');
    const options = new Map([
      [53, Uint8Array.of(2)],
      [54, Uint8Array.of(10, 77, 0, 254)],
    ]);
    const offer = { ...asked, op: 2 as const, yiaddr: ip('10.77.0.50'), options, ...change };
    receive(encodePacket(offer), { address: router, port: 67 });
  };
  return { clock, sent, told, opened, stop, done, hear, lookNow, world, closed: () => closed };
}

test('nobody answers for 120 s: then, and only then, it is quiet', async (t) => {
  const { clock, sent, told, opened } = await start(t);
  t.deepEqual(opened, [{ bind: { address: ip('0.0.0.0'), port: 68 }, fd: 5 }]);
  await clock.advance(millis(119_999));
  t.deepEqual(told, []);
  t.is(sent.length, 24);
  for (const { to } of sent) t.deepEqual(to, { address: ip('255.255.255.255'), port: 67 });
  t.is(new Set(sent.map(({ packet }) => packet.xid)).size, sent.length, 'each with an xid of its own');
  await clock.advance(millis(1));
  t.deepEqual(told, ['quiet']);
});

test('it keeps looking every two minutes for as long as it runs', async (t) => {
  const { clock, sent, told } = await start(t);
  await clock.advance(minutes(2));
  const before = sent.length;
  await clock.advance(minutes(20));
  t.is(sent.length - before, 10);
  t.deepEqual(told, ['quiet']);
});

test('a router that answers after 90 s: no more looks, sockets closed, never quiet', async (t) => {
  const { clock, sent, told, hear, done, closed } = await start(t);
  await clock.advance(seconds(90));
  hear();
  await done;
  const looks = sent.length;
  await clock.advance(minutes(10));
  t.deepEqual(told, ['10.77.0.254 asked']);
  t.is(sent.length, looks);
  t.is(closed(), 1);
});

test('a router that comes later is seen by the next look, and by what it says to others', async (t) => {
  const looked = await start(t);
  await looked.clock.advance(minutes(4));
  looked.hear();
  const overheard = await start(t);
  await overheard.clock.advance(minutes(3));
  overheard.hear({ xid: 1 });
  t.deepEqual(looked.told, ['quiet', '10.77.0.254 asked']);
  t.deepEqual(overheard.told, ['quiet', '10.77.0.254 overheard']);
});

test('an answer counts once', async (t) => {
  const { told, hear, done } = await start(t);
  hear();
  hear();
  await done;
  t.is(told.length, 1);
});

test('search 0: quiet at once, and still it looks', async (t) => {
  const { told, sent, hear } = await start(t, { search: () => seconds(0) });
  t.deepEqual(told, ['quiet']);
  t.is(sent.length, 1);
  hear();
  t.deepEqual(told, ['quiet', '10.77.0.254 asked']);
});

test('silence without a cable means nothing', async (t) => {
  let connected = false;
  const { clock, told } = await start(t, { isConnected: async () => connected });
  await clock.advance(minutes(30));
  t.deepEqual(told, []);
  connected = true;
  await clock.advance(seconds(114));
  t.deepEqual(told, []);
  await clock.advance(seconds(10));
  t.deepEqual(told, ['quiet']);
});

test('a port that is taken is tried again until it can be had', async (t) => {
  let tries = 0;
  const openUdp: OpenUdp = async ({ bind }) => {
    tries++;
    if (tries < 3) throw new Error('EADDRINUSE');
    return { local: bind, send: (_payload, _to, onSent) => onSent?.(), close: async () => {} };
  };
  const { clock, told } = await start(t, { openUdp, search: () => seconds(10) });
  await clock.advance(seconds(60));
  await clock.advance(seconds(10));
  t.deepEqual(told, ['deaf: EADDRINUSE', 'deaf: EADDRINUSE', 'quiet']);
});

test('without the launcher it sends from our own address; both sockets are closed in the end', async (t) => {
  const { opened, stop, done, closed } = await start(t, { launcher: false });
  t.deepEqual(
    opened.map(({ bind }) => bind.address),
    [ip('0.0.0.0'), address],
  );
  stop.abort();
  await done;
  t.is(closed(), 2);
});

test('the cable was out, also for a moment that nobody looked: it looks at once, and silence counts from the beginning', async (t) => {
  const { clock, sent, told, world, hear } = await start(t);
  await clock.advance(minutes(3));
  const before = sent.length;
  world.wasUnplugged = true;
  await clock.advance(seconds(1));
  t.deepEqual(told, ['quiet', 'moved']);
  t.is(sent.length, before + 1);
  await clock.advance(millis(119_999));
  t.deepEqual(told, ['quiet', 'moved']);
  await clock.advance(millis(1));
  t.deepEqual(told, ['quiet', 'moved', 'quiet']);
  world.wasUnplugged = true;
  await clock.advance(seconds(1));
  hear();
  t.deepEqual(told.slice(3), ['moved', '10.77.0.254 asked']);
});

test('a search that has not ended begins anew, too', async (t) => {
  const { clock, told, world } = await start(t);
  await clock.advance(seconds(100));
  world.wasUnplugged = true;
  await clock.advance(seconds(100));
  t.deepEqual(told, ['moved']);
  await clock.advance(seconds(21));
  t.deepEqual(told, ['moved', 'quiet']);
});

test('somebody may be there: a look at once, and one in three seconds at most, however often it is said', async (t) => {
  const { clock, sent, told, lookNow, hear } = await start(t);
  await clock.advance(minutes(3));
  const before = sent.length;
  lookNow();
  await clock.advance(millis(0));
  t.is(sent.length, before + 1);
  for (let tenth = 0; tenth < 300; tenth += 1) {
    lookNow();
    await clock.advance(millis(100));
  }
  t.true(sent.length <= before + 11 && sent.length >= before + 9, `${sent.length - before} looks in 30 s`);
  hear();
  t.deepEqual(told, ['quiet', '10.77.0.254 asked']);
});

test('doubts that never end do not keep the search from its end', async (t) => {
  const { clock, told, lookNow } = await start(t);
  for (let second = 0; second < 240; second += 1) {
    lookNow();
    await clock.advance(seconds(1));
  }
  t.deepEqual(told, ['quiet']);
});

test('silence after a look of which nobody knows whether it went out is no proof either', async (t) => {
  const openUdp: OpenUdp = async ({ bind }) => ({ local: bind, send: () => undefined, close: async () => undefined });
  const { clock, told } = await start(t, { openUdp });
  await clock.advance(minutes(10));
  t.deepEqual(told, []);
});

test('silence after a look that did not go out is no proof', async (t) => {
  const hearing: string[] = [];
  const { clock, sent, told, world } = await start(t, { onHearing: () => hearing.push('hearing') });
  await clock.advance(seconds(60));
  world.refuses = 'EPERM';
  await clock.advance(minutes(10));
  t.deepEqual([...new Set(told)], ['deaf: EPERM']);
  t.is(sent.length, 13);
  t.deepEqual(hearing, ['hearing']);
  world.refuses = undefined;
  await clock.advance(seconds(50));
  t.deepEqual(hearing, ['hearing', 'hearing']);
  t.false(told.includes('quiet'), 'the minutes before do not count');
  await clock.advance(seconds(10));
  t.is(told.at(-1), 'quiet');
});

test('once it was quiet, too: a look that cannot be sent is told, and tried again sooner than usual', async (t) => {
  const { clock, sent, told, world } = await start(t);
  await clock.advance(minutes(3));
  world.refuses = 'ENETUNREACH';
  await clock.advance(minutes(2));
  t.deepEqual([...new Set(told)], ['quiet', 'deaf: ENETUNREACH']);
  world.refuses = undefined;
  const before = sent.length;
  await clock.advance(seconds(31));
  t.is(sent.length, before + 1);
});

test('while the port cannot be had the cable is watched, too', async (t) => {
  const openUdp: OpenUdp = async () => {
    throw new Error('EADDRINUSE');
  };
  const { clock, told, world } = await start(t, { openUdp });
  world.wasUnplugged = true;
  await clock.advance(seconds(30));
  t.deepEqual(told, ['deaf: EADDRINUSE', 'moved', 'deaf: EADDRINUSE']);
});
