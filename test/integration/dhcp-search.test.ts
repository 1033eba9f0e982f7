/** The whole daemon on a LAN that may have a home router with a DHCP server (dnsmasq) on it. */
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { answersTo, fromRouter, fromUs, type HomeLan, lateRouter, makeHomeLan, sentBy } from '../support/home-lan.ts';
import { pi400Discover } from '../vectors/dhcp.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function home(t: ExecutionContext): Promise<HomeLan> {
  // Searches and clients that give up take their seconds, however fast the machine is.
  t.timeout(300_000);
  const made = await makeHomeLan();
  t.teardown(made.close);
  return made;
}
/** Its own switch, as far as the owner says. `search`: seconds; `undefined` leaves the key out. */
const full = (search: number | undefined) => ({
  topology: 'behind-master',
  addresses: '10.77.0.100-199',
  dhcp: { mode: 'full', ...(search !== undefined && { search }) },
});

// One after the other: two cores are few.
test.serial('the router is there first: found by the first look, and its LAN stays as it was', async (t) => {
  const { startDaemon, startRouter, lease, status, first, second, laptop } = await home(t);
  const router = await startRouter();
  const daemon = await startDaemon(full(undefined));
  await daemon.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254","asked":true/);
  t.regex(await lease(first), fromRouter);
  t.regex(await lease(laptop), fromRouter);
  t.is(answersTo(daemon, 'dc:a6:32'), 0, 'not one word to anybody, ourselves included');
  t.regex(await status(), /another DHCP server, 10\.77\.0\.254, is on the boards’ switch/);
  await daemon.kill();
  await router.kill();

  const again = await startDaemon(full(1));
  await again.waitFor(/only known boards are served/);
  t.regex(await lease(first, 3), /no lease/, 'silence does not widen it, nor does a restart');
  t.regex(await status(), /another DHCP server, 10\.77\.0\.254/);
  await again.kill();

  const confirmed = await startDaemon(full(0));
  t.regex(await lease(first), fromUs, 'the owner has said that there is no other one');
  t.notRegex(await status(), /another DHCP server/);
  const later = await startRouter();
  t.regex(await lease(laptop), fromRouter);
  await confirmed.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254"/);
  t.regex(await lease(second), fromRouter);
  t.is(answersTo(confirmed, 'dc:a6:32:00:00:02'), 0, 'overheard while it served: at once');
  await later.kill();
  await confirmed.kill();
  t.is(await confirmed.exited, 0);
});

// `npm run e2e -- networks` does it with 120 and 90 seconds.
test.serial('auto: a router that comes up when most of the search is over finds its LAN untouched', async (t) => {
  const lan = await home(t);
  const { daemon, router, sniffer, leases, before, after } = await lateRouter(lan, { search: 40, at: 6 });
  t.like(JSON.parse(before).master, { dhcpMode: 'searching' });
  t.regex(before, /no board is answered until/);
  for (const lease of leases) t.regex(lease, fromRouter);
  t.is(sentBy(sniffer, '10.77.0.1'), 0);
  t.true(sentBy(sniffer, '10.77.0.254') > 0, 'it would have been seen');
  t.like(JSON.parse(after).master, { dhcpMode: 'proxy' });
  await daemon.kill();
  await router.kill();

  const again = await lan.startDaemon({ dhcp: { search: 1 } });
  await again.waitFor(/"dhcp serves"[^\n]*"mode":"proxy"/);
  t.regex(await lan.lease(lan.second, 3), /no lease/, 'the router is gone, and it stays proxy');
  t.is(sentBy(sniffer, '10.77.0.1'), 0);
  const discover = Buffer.from(pi400Discover.datagram);
  const client = [process.execPath, file('./dhcp-test-client.ts'), '1', discover.toString('hex')];
  const offer = await lan.second.exec([file('../../daemon/launcher'), 'eth0', 'udp:68', '--', ...client]);
  t.is(offer.code, 0, offer.stderr);
  // op, htype, hlen, hops, xid, secs, broadcast, ciaddr 0, yiaddr 0.
  t.regex(
    offer.stdout,
    /^10\.77\.0\.1 020106(00).{8}0000800000000000000000000a4d0001/,
    'from where to boot, and no address',
  );
  await again.kill();
  t.is(await again.exited, 0);
});

test.serial('auto: nobody else is there; the router comes up after a power cut, later than we', async (t) => {
  const { startDaemon, startRouter, lease, status, first, second } = await home(t);
  const auto = (search: number | undefined) => ({ ...full(search), dhcp: search === undefined ? {} : { search } });
  const fresh = await startDaemon(auto(2));
  await fresh.waitFor(/no other DHCP server answers/);
  await fresh.waitFor(/"dhcp serves"[^\n]*"mode":"full"/);
  t.regex(await lease(first), fromUs);
  t.like(JSON.parse(await status()).master, { dhcpMode: 'full' });
  await fresh.kill();

  const daemon = await startDaemon(auto(undefined));
  t.regex(await lease(first), fromUs, 'a board that is known does not wait for the search');
  t.regex(await lease(second, 2), /no lease/, 'a new one does');
  const router = await startRouter();
  await daemon.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254","asked":true/);
  t.regex(await lease(second), fromRouter);
  await router.kill();
  t.regex(await lease(second, 2), /no lease/);
  t.is(answersTo(daemon, 'dc:a6:32:00:00:02'), 0);
  t.regex(await lease(first), fromUs, 'known boards are served on');
  t.like(JSON.parse(await status()).master, { dhcpMode: 'narrowed' });
  await daemon.kill();
  t.is(await daemon.exited, 0);

  const again = await startDaemon(auto(1));
  await again.waitFor(/only known boards are served/);
  t.regex(await lease(second, 3), /no lease/);
  t.regex(await lease(first), fromUs);
  await again.kill();
});

test.serial(
  'the switch is plugged into another network: a new board there is the other server’s, at once',
  async (t) => {
    const { lan, startDaemon, startRouter, lease, status, master, first, second } = await home(t);
    const daemon = await startDaemon(full(15));
    await daemon.waitFor(/no other DHCP server answers/, 120_000);
    t.regex(await lease(first), fromUs);
    await lan.setLink(master, 'down');
    await daemon.waitFor(/the cable was out/, 60_000);
    const router = await startRouter();
    await lan.setLink(master, 'up');
    t.regex(await lease(second), fromRouter);
    await daemon.waitFor(/another DHCP server: [^\n]*"server":"10\.77\.0\.254"/, 60_000);
    t.is(answersTo(daemon, 'dc:a6:32:00:00:02'), 0);
    t.like(JSON.parse(await status()).master, { dhcpMode: 'narrowed' });
    await router.kill();
    await daemon.kill();
  },
);
