/** The daemon beside a router, where every board has the router's address: who a client is, is seen on the wire only. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { parseMac } from '../../config/values.ts';
import { bootProof } from '../../daemon/http/proof.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';
import { pi400Discover } from '../vectors/dhcp.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const launcher = file('../../daemon/launcher');
const MAC = 'dc:a6:32:00:00:77';

async function lanWithDaemon(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-rogue-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const board = await lan.addHost({ name: 'board', mac: MAC, address: '10.77.0.23/24' });
  const rogue = await lan.addHost({ name: 'rogue', mac: 'dc:a6:32:66:66:66', address: '10.77.0.66/24' });
  const config = join(folder, 'bramble.yaml');
  // The range holds all that no board may get.
  const settings = { interface: 'eth0', addresses: '10.77.0.0-255', dhcp: { mode: 'proxy' }, log: { level: 'debug' } };
  const paths = { data: join(folder, 'data'), socket: join(folder, 'sock') };
  await writeFile(config, JSON.stringify({ ...settings, ...paths }));
  const command = [process.execPath, file('../../daemon/main.ts'), '--config', config];
  const daemon = master.spawn([launcher, 'eth0', 'udp:67,udp:69,udp:5353', '--', ...command]);
  for (const service of ['dhcp', 'tftp', 'http']) {
    await daemon.waitFor(new RegExp(`"service is up","service":"${service}"`), 60_000);
  }
  return { daemon, master, board, rogue, folder };
}

const report = async (host: Host, mac: string, proof = ''): Promise<string> => {
  const form = `mac=${mac}&disk=mmcblk0%7Csd%7C8000000000%7Cblank%7C&source=netboot&memory=1&challenge=${'0'.repeat(32)}${proof}`;
  return (await host.exec(['curl', '-s', '-d', form, 'http://10.77.0.1:8067/v1/boot/report'])).stdout;
};

test('beside a router: the board is known by its hardware address, and nobody else can speak for it', async (t) => {
  const { daemon, board, rogue, folder } = await lanWithDaemon(t);
  const discover = Buffer.from(pi400Discover.datagram);
  Buffer.from(MAC.replaceAll(':', ''), 'hex').copy(discover, 28);
  const client = [process.execPath, file('./dhcp-test-client.ts'), '1', discover.toString('hex')];
  const offer = await board.exec([launcher, 'eth0', 'udp:68', '--', ...client]);
  t.is(offer.code, 0, offer.stderr);

  const fetch = (host: Host) =>
    host.exec(['busybox', 'tftp', '-g', '-r', 'cmdline.txt', '-l', join(folder, host.name), '10.77.0.1']);
  const fetched = await fetch(board);
  t.is(fetched.code, 0, fetched.stderr);
  t.regex((await fetch(rogue)).stderr, /File not found/);

  t.regex(await report(rogue, MAC), /message=this comes from dc:a6:32:66:66:66, which is not this board/);
  // What it fetched tells its key; the rogue, which got nothing, has none.
  const key = /bramble\.key=([0-9a-f]{64})/.exec(await readFile(join(folder, 'board'), 'utf8'))?.[1] ?? '';
  const nonce = /^nonce=(\w+)$/m.exec(await report(board, MAC))?.[1] ?? '';
  const proof = bootProof(Buffer.from(key, 'hex'), { nonce, mac: must(parseMac(MAC)), serial: undefined });
  t.regex(await report(board, MAC, `&proof=${proof}`), /state=pending/);
  t.regex(daemon.stderr(), /10\.77\.0\.2 are its own|"address":"10\.77\.0\.2"/, 'neither the network’s own nor ours');
  await daemon.kill();
  t.is(await daemon.exited, 0);
});
