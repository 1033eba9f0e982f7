import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { type Ipv4, instant, minutes, parseHostname, parseIpv4, parseMac, subnetOf } from '../../../config/values.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import {
  type DhcpRequest,
  type DhcpServerDeps,
  dhcpServer,
  type GivenUp,
  type Lease,
} from '../../../daemon/dhcp/server.ts';
import type { Endpoint, Log, LogFields, OpenUdp } from '../../../daemon/ports.ts';
import { pi3bPlusDiscover, pi3bRomDiscover, pi400Discover, pi400Request, proxyOffer } from '../../vectors/dhcp.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const address = ip('192.168.2.1');
const lease: Lease = {
  address: ip('192.168.2.40'),
  hostname: must(parseHostname('worker-kube1')),
  leaseTime: minutes(5),
  boot: true,
};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Sent = { readonly payload: Uint8Array; readonly to: Endpoint; readonly from: Ipv4 };

/** The server on sockets that exist in memory only (test double), with a clock that stands still. */
async function start(t: ExecutionContext, change: Partial<DhcpServerDeps> = {}) {
  const sent: Sent[] = [];
  const opened: { bind: Endpoint; fd: number | undefined }[] = [];
  const receivers: Parameters<OpenUdp>[0][] = [];
  const logged: { level: string; message: string; fields: LogFields }[] = [];
  const wakers: (() => void)[] = [];
  const sightings: DhcpRequest[] = [];
  let closed = 0;
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      logged.push({ level, message, fields });
    };
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  const stop = new AbortController();
  const openUdpDouble: OpenUdp = async (options) => {
    receivers.push(options);
    opened.push({ bind: options.bind, fd: options.fd });
    return {
      local: options.bind,
      send: (payload, to) => sent.push({ payload, to, from: options.bind.address }),
      close: async () => {
        closed++;
      },
    };
  };
  const listening = Promise.withResolvers<void>();
  const done = dhcpServer({
    openUdp: openUdpDouble,
    clock: {
      now: () => instant(0),
      sleep: (duration, signal) =>
        new Promise((resolve, reject) => {
          t.is<number, number>(duration, 300);
          wakers.push(resolve);
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    },
    log,
    signal: stop.signal,
    mode: 'full',
    self: { address, subnet: subnetOf(address, 24) },
    onSighting: async (request) => {
      sightings.push(request);
      return lease;
    },
    onListening: listening.resolve,
    ...change,
  });
  await Promise.race([listening.promise, done]);
  t.teardown(() => {
    stop.abort();
    return done;
  });
  const receive = async (datagram: Uint8Array, { socket = 0 } = {}): Promise<void> => {
    receivers[socket]?.onMessage(datagram, { address: ip('0.0.0.0'), port: 68 });
    await settled();
  };
  const replies = (): DhcpPacket[] => sent.map(({ payload }) => must(decodePacket(payload)));
  return { sent, opened, logged, wakers, sightings, stop, done, receive, replies, closedSockets: () => closed };
}

/** The same message from another board, or asked again with another xid. */
const changed = (datagram: Uint8Array, change: Partial<DhcpPacket>): Uint8Array =>
  encodePacket({ ...must(decodePacket(datagram)), ...change });

test('an OFFER goes to everybody from our own address, after the sighting', async (t) => {
  const server = await start(t);
  await server.receive(pi400Discover.datagram);
  t.is(server.sightings[0]?.serial as string | undefined, 'e0ff06da');
  t.deepEqual(
    server.sent.map(({ to, from }) => ({ to, from })),
    [{ to: { address: ip('255.255.255.255'), port: 68 }, from: address }],
  );
  t.is(server.replies()[0]?.yiaddr, lease.address);
});

test('two sockets: one for everybody’s messages, one for ours; both are closed in the end', async (t) => {
  const server = await start(t, { fd: 7 });
  t.deepEqual(server.opened, [
    { bind: { address: ip('0.0.0.0'), port: 67 }, fd: 7 },
    { bind: { address, port: 67 }, fd: undefined },
  ]);
  server.stop.abort();
  await server.done;
  t.is(server.closedSockets(), 2);
});

test('what comes by unicast is RENEWING, what comes by broadcast REBINDING', async (t) => {
  const server = await start(t);
  const renew = changed(pi400Request.datagram, { ciaddr: lease.address, options: new Map([[53, Uint8Array.of(3)]]) });
  await server.receive(renew, { socket: 1 });
  await server.receive(renew, { socket: 0 });
  t.deepEqual(
    server.sightings.map(({ kind }) => kind),
    ['request-renewing', 'request-rebinding'],
  );
  t.deepEqual(
    server.sent.map(({ to }) => to.address),
    [lease.address, lease.address],
  );
});

test('nothing is promised before it is on disk', async (t) => {
  const disk = Promise.withResolvers<Lease | undefined>();
  const server = await start(t, { onSighting: () => disk.promise });
  await server.receive(pi400Discover.datagram);
  t.is(server.sent.length, 0);
  disk.resolve(lease);
  await settled();
  t.is(server.sent.length, 1);
});

test('repeated while in work: answered once, with the newest xid', async (t) => {
  const disk = Promise.withResolvers<Lease | undefined>();
  let asked = 0;
  const server = await start(t, {
    onSighting: () => {
      asked++;
      return disk.promise;
    },
  });
  for (const xid of [1, 2, 3]) await server.receive(changed(pi400Discover.datagram, { xid }));
  disk.resolve(lease);
  await settled();
  t.is(asked, 1);
  t.deepEqual(
    server.replies().map(({ xid }) => xid),
    [3],
  );
});

test('boards are served side by side, also with the same xid', async (t) => {
  const slow = Promise.withResolvers<Lease | undefined>();
  const server = await start(t, {
    onSighting: (request) => (request.isMaskRom ? slow.promise : Promise.resolve(lease)),
  });
  await server.receive(pi3bRomDiscover.datagram);
  await server.receive(pi3bPlusDiscover.datagram);
  t.deepEqual(
    server.replies().map(({ xid }) => xid),
    [0x26f30339],
  );
  slow.resolve(lease);
  await settled();
  t.is(server.sent.length, 2);
});

test('a sighting that fails is one message lost, nothing more', async (t) => {
  let calls = 0;
  const server = await start(t, {
    onSighting: async () => {
      calls++;
      if (calls === 1) throw new Error('disk full');
      return lease;
    },
  });
  await server.receive(pi400Discover.datagram);
  t.is(server.sent.length, 0);
  t.like(
    server.logged.find(({ level }) => level === 'error'),
    { fields: { mac: 'dc:a6:32:ec:fc:3c' } },
  );
  await server.receive(pi400Discover.datagram);
  t.is(server.sent.length, 1);
});

test('nothing granted: silence', async (t) => {
  const server = await start(t, { onSighting: async () => undefined });
  await server.receive(pi400Discover.datagram);
  t.is(server.sent.length, 0);
});

test('damaged datagrams and other servers’ messages are logged at debug and dropped', async (t) => {
  const server = await start(t);
  for (const datagram of [new Uint8Array(), Uint8Array.of(1), new Uint8Array(300), proxyOffer.datagram]) {
    await server.receive(datagram);
  }
  t.deepEqual(
    server.logged.map(({ level, fields }) => [level, fields['code']]),
    [
      ['debug', 'TOO_SHORT'],
      ['debug', 'TOO_SHORT'],
      ['debug', 'BAD_OP'],
      ['debug', 'NOT_FROM_CLIENT'],
    ],
  );
  t.is(server.sent.length, 0);
  t.is(server.sightings.length, 0);
});

test('a REQUEST that names another server is not even looked up', async (t) => {
  const server = await start(t, { self: { address: ip('192.168.2.9'), subnet: subnetOf(address, 24) } });
  await server.receive(pi400Request.datagram);
  t.is(server.sightings.length, 0);
  t.is(server.sent.length, 0);
});

test('the ROM of a Pi 3B gets a stray datagram behind its OFFER, a 3B+ does not', async (t) => {
  const server = await start(t);
  await server.receive(pi3bPlusDiscover.datagram);
  t.is(server.wakers.length, 0);
  await server.receive(pi3bRomDiscover.datagram);
  t.is(server.sent.length, 2);
  server.wakers[0]?.();
  await settled();
  t.deepEqual(server.sent[2]?.to, { address: ip('255.255.255.255'), port: 9 });
  t.is(server.sent.length, 3);
});

test('proxy mode: an OFFER without address, no answer to a REQUEST', async (t) => {
  const server = await start(t, { mode: 'proxy' });
  await server.receive(pi400Discover.datagram);
  await server.receive(pi400Request.datagram);
  t.deepEqual(
    server.replies().map(({ yiaddr, siaddr }) => [yiaddr, siaddr]),
    [[ip('0.0.0.0'), address]],
  );
});

test('mode off opens no socket and ends with its signal', async (t) => {
  const server = await start(t, { mode: 'off' });
  t.is(server.opened.length, 0);
  server.stop.abort();
  await t.notThrowsAsync(server.done);
});

test('stopping waits for what is in work, sends no more and closes', async (t) => {
  const disk = Promise.withResolvers<Lease | undefined>();
  const server = await start(t, { onSighting: () => disk.promise });
  await server.receive(pi400Discover.datagram);
  server.stop.abort();
  await settled();
  t.is(server.closedSockets(), 0);
  disk.resolve(lease);
  await server.done;
  t.is(server.sent.length, 0);
  t.is(server.closedSockets(), 2);
});

test('stopping does not wait for the stray datagram', async (t) => {
  const server = await start(t);
  await server.receive(pi3bRomDiscover.datagram);
  server.stop.abort();
  await server.done;
  t.is(server.sent.length, 1);
  t.false(server.logged.some(({ level }) => level === 'error'));
});

test('without the right to open port 67 the inherited socket does both', async (t) => {
  const sent: Endpoint[] = [];
  let receive: ((payload: Uint8Array) => void) | undefined;
  await start(t, {
    fd: 3,
    openUdp: async ({ bind, fd, onMessage }) => {
      if (fd === undefined) throw Object.assign(new Error('bind EACCES'), { code: 'EACCES' });
      receive = (payload) => onMessage(payload, { address: ip('0.0.0.0'), port: 68 });
      return { local: bind, send: (_payload, to) => sent.push(to), close: () => Promise.resolve() };
    },
  });
  receive?.(pi400Discover.datagram);
  await settled();
  t.is(sent.length, 1);
});

test('a port that is taken is told to the caller, and nothing stays open', async (t) => {
  let closed = 0;
  const broken: OpenUdp = async ({ bind }) => {
    if (bind.address === address) throw new Error('EADDRINUSE');
    return {
      local: bind,
      send: () => {},
      close: async () => {
        closed++;
      },
    };
  };
  const server = dhcpServer({
    openUdp: broken,
    clock: { now: () => instant(0), sleep: () => Promise.resolve() },
    log: silent,
    signal: new AbortController().signal,
    mode: 'full',
    self: { address, subnet: subnetOf(address, 24) },
    onSighting: async () => lease,
  });
  await t.throwsAsync(server, { message: 'EADDRINUSE' });
  t.is(closed, 1);
});

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

test('a system gets what it asked for in its own order; a boot ROM the one that every model reads', async (t) => {
  const server = await start(t);
  const { options, ...rom } = must(decodePacket(pi400Discover.datagram));
  const list = Uint8Array.of(12, 1);
  await server.receive(
    encodePacket({
      ...rom,
      options: new Map([
        [53, Uint8Array.of(1)],
        [55, list],
      ]),
    }),
  );
  await server.receive(encodePacket({ ...rom, options: new Map(options).set(55, list) }));
  const codes = server.replies().map((reply) => [...reply.options.keys()].slice(0, 5));
  t.deepEqual(codes, [
    [53, 54, 51, 12, 1],
    [53, 54, 51, 1, 12],
  ]);
});

test('DECLINE and RELEASE of an address that we gave are told, have no answer, and grant nothing', async (t) => {
  const given: GivenUp[] = [];
  const server = await start(t, { onGivenUp: (one) => given.push(one) });
  const message = (type: number, identifier: Ipv4): Uint8Array => {
    const options = new Map([
      [53, Uint8Array.of(type)],
      ...(type === 4 ? ([[50, Uint8Array.of(192, 168, 2, 40)]] as const) : []),
      [54, Uint8Array.from(identifier.split('.'), Number)],
    ]);
    return changed(pi400Request.datagram, { options, ...(type === 7 && { ciaddr: lease.address }) });
  };
  for (const type of [4, 7]) await server.receive(message(type, ip('192.168.2.254')));
  t.deepEqual(given, [], 'another server gave that one');
  for (const type of [4, 7]) await server.receive(message(type, address));
  t.deepEqual(
    given.map(({ kind, request, address: what }) => [kind, request.mac, what]),
    [
      ['decline', must(parseMac('dc:a6:32:ec:fc:3c')), lease.address],
      ['release', must(parseMac('dc:a6:32:ec:fc:3c')), lease.address],
    ],
  );
  t.is(server.sent.length + server.sightings.length, 0);
});

test('who may not pass is not decoded; every datagram is counted once', async (t) => {
  const counted: string[] = [];
  const asked: string[] = [];
  const server = await start(t, {
    count: (outcome) => counted.push(outcome),
    admit: (mac) => {
      asked.push(mac);
      return mac.startsWith('66') ? 'flood' : 'stranger';
    },
    onSighting: async ({ mac }) => {
      if (mac.startsWith('77')) throw new Error('the disk is full');
      return mac.startsWith('88') ? undefined : lease;
    },
  });
  const from = (first: number) => changed(pi400Discover.datagram, { chaddr: Uint8Array.of(first, 2, 3, 4, 5, 6) });
  const undecodable = from(0x66).fill(0xff, 240);
  for (const datagram of [from(0x66), undecodable, from(0x77), from(0x88), from(0x99), Uint8Array.of(1, 2, 3)]) {
    await server.receive(datagram);
  }
  await server.receive(from(0x99).fill(0, 236, 240));
  await server.receive(changed(pi400Request.datagram, { options: new Map([[53, Uint8Array.of(7)]]) }));
  t.deepEqual(counted, ['flood', 'flood', 'failed', 'refused', 'answered', 'malformed', 'malformed', 'ignored']);
  t.deepEqual(asked.slice(0, 2), ['66:02:03:04:05:06', '66:02:03:04:05:06']);
  t.is(asked.length, 7, 'three bytes name no sender');
  t.is(server.sent.length, 1);
});

test('more strangers in work than there is room for: counted, and a board that is known is served', async (t) => {
  const counted: string[] = [];
  const never = new Promise<undefined>(() => undefined);
  const known = '99:02:03:04:05:06';
  const stopping = new AbortController();
  const server = await start(t, {
    count: (outcome) => counted.push(outcome),
    admit: (mac) => (mac === known ? 'known' : 'stranger'),
    // A disk that hangs.
    onSighting: ({ mac }) => (mac === known ? Promise.resolve(lease) : Promise.race([never, aborted(stopping.signal)])),
  });
  const from = (first: number, number: number) =>
    changed(pi400Discover.datagram, { chaddr: Uint8Array.of(first, 2, 3, 4, number >> 8, number & 255) });
  for (let number = 0; number < 1100; number += 1) await server.receive(from(0x66, number));
  t.deepEqual(counted, Array(76).fill('capacity'));
  await server.receive(from(0x99, 0x0506));
  t.is(counted.at(-1), 'answered');
  stopping.abort();
});

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));

test('a client that chose another server of this network gives it away, in mode full', async (t) => {
  const told: Ipv4[] = [];
  const onChoseAnother = (server: Ipv4): void => void told.push(server);
  const other = (server: string): Uint8Array => {
    const { options } = must(decodePacket(pi400Request.datagram));
    return changed(pi400Request.datagram, {
      options: new Map([...options, [54, Uint8Array.from(server.split('.'), Number)]]),
    });
  };
  const server = await start(t, { onChoseAnother });
  for (const named of ['192.168.2.254', '192.168.2.1', '0.0.0.0', '10.0.0.1']) await server.receive(other(named));
  t.deepEqual(told, [ip('192.168.2.254')]);
  const beside = await start(t, { onChoseAnother, mode: 'proxy' });
  await beside.receive(other('192.168.2.254'));
  t.is(told.length, 1);
});
