/** Beside a router, without a range of the owner's: which address a board has is heard on the wire. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { fromRouter, makeHomeLan } from '../support/home-lan.ts';
import { pi400Discover } from '../vectors/dhcp.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

test('the address of a board is the router’s: heard in its REQUEST, and on its files; followed when it changes', async (t) => {
  const home = await makeHomeLan();
  t.teardown(home.close);
  const { first, laptop, startDaemon, startRouter, lease, status } = home;
  const addresses = async (): Promise<readonly (string | null)[]> =>
    JSON.parse(await status()).devices.map(({ address }: { address: string | null }) => address);
  await startRouter();
  const daemon = await startDaemon({ dhcp: { mode: 'proxy' } });
  await daemon.waitFor(/"service is up","service":"tftp"/);

  const discover = Buffer.from(pi400Discover.datagram);
  Buffer.from('dca632000001', 'hex').copy(discover, 28);
  const client = [process.execPath, file('./dhcp-test-client.ts'), '2', discover.toString('hex')];
  const offered = await first.exec([file('../../daemon/launcher'), 'eth0', 'udp:68', '--', ...client]);
  t.regex(offered.stdout, /^10\.77\.0\.1 /m, offered.stderr);
  t.regex(offered.stdout, /^10\.77\.0\.254 /m);
  t.deepEqual(await addresses(), [null], 'it has been offered one, that is all');

  const seen = await lease(first);
  t.regex(seen, fromRouter);
  t.regex(await lease(laptop), fromRouter);
  await daemon.waitFor(/"address is known"/);
  const [given] = /10\.77\.0\.\d+/.exec(seen.slice(seen.indexOf('lease of'))) ?? [];
  t.deepEqual(await addresses(), [given ?? ''], 'and the laptop is no board');

  // Its router was told to give it another one; from its files it is seen at once, without a word of DHCP.
  await first.exec(['ip', 'addr', 'add', '10.77.0.77/24', 'dev', 'eth0']);
  const fetched = await first.exec([
    'busybox',
    'tftp',
    '-g',
    '-r',
    'cmdline.txt',
    '-l',
    join(home.folder, 'x'),
    '10.77.0.1',
  ]);
  t.is(fetched.code, 0, fetched.stderr);
  await daemon.waitFor(/"address is known"[^\n]*10\.77\.0\.77/);
  t.deepEqual(await addresses(), ['10.77.0.77']);
  await daemon.kill();

  const again = await startDaemon({ dhcp: { mode: 'proxy' } });
  t.deepEqual(await addresses(), ['10.77.0.77'], 'it is on disk');
  await again.kill();
  t.is(await again.exited, 0);
});
