/** The daemon and the names of its network: Pis that came up by themselves, and machines that have a board's name. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { eventually, startAvahi } from '../support/avahi.ts';
import { type Lan, makeLan, runPrefix } from '../support/netns.ts';
import { finish, startProgram } from '../support/program.ts';

const brambled = fileURLToPath(new URL('../../daemon/main.ts', import.meta.url));
const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function startMaster(t: ExecutionContext, lan: Lan, more = 'dhcp: {mode: off}') {
  const folder = await mkdtemp(join(tmpdir(), 'names-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, 'bramble.yaml');
  const paths = `data: ${folder}/data\nsocket: ${folder}/sock\n`;
  await writeFile(
    config,
    `interface: eth0\n${paths}cluster: {kubeconfig: ${folder}/none}\nlog: {level: debug}\n${more}\n`,
  );
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const daemon = host.spawn([process.execPath, brambled, '--config', config]);
  await daemon.waitFor(/mDNS is on/, 60_000);
  const bramble = async (...args: readonly string[]): Promise<string> =>
    (await finish(startProgram([process.execPath, cli, '--socket', `${folder}/sock`, ...args]))).stdout;
  return { host, daemon, bramble };
}

async function startLan(t: ExecutionContext): Promise<Lan> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  return lan;
}

test('a Pi with a card of its own is listed, whatever it tells of itself, until it is gone; another machine is not', async (t) => {
  const lan = await startLan(t);
  // It was announced long ago, and offers nothing: as Raspberry Pi OS comes.
  const pi = await startAvahi(
    await lan.addHost({ name: 'raspberrypi', mac: '2c:cf:67:01:02:03', address: '10.77.0.60/24' }),
  );
  await startAvahi(await lan.addHost({ name: 'black-pearl', mac: '02:00:00:01:02:03', address: '10.77.0.61/24' }));
  const { daemon, bramble } = await startMaster(t, lan);
  const strangers = async (): Promise<string> =>
    (/Pis with a system of their own: .*/.exec(await bramble('status')) ?? [''])[0];
  t.true(await eventually(async () => (await strangers()) !== ''), daemon.stderr());
  t.is(await strangers(), 'Pis with a system of their own: raspberrypi (10.77.0.60)');
  await daemon.waitFor(/black-pearl/, 60_000);
  t.notRegex(await strangers(), /black-pearl/);
  await pi.daemon.kill();
  t.true(await eventually(async () => (await strangers()) === ''));
});

test('behind the master: it is found on the uplink, once that has an address, and where that goes', async (t) => {
  const [lan, home] = [await startLan(t), await startLan(t)];
  const { daemon, host } = await startMaster(t, lan, 'topology: behind-master\nuplink: eth1\ndhcp: {mode: off}');
  await home.addHost({ name: 'uplink', interface: 'eth1', into: host });
  const laptop = await startAvahi(await home.addHost({ name: 'laptop', address: '192.168.7.50/24' }));
  const name = `${hostname().split('.', 1)[0]?.toLowerCase()}.local`;
  const isAt = (address: string): Promise<boolean> =>
    eventually(async () => (await laptop.run('avahi-resolve', '-4', '-n', name)) === `${name}\t${address}\n`);

  await host.exec(['ip', 'addr', 'add', '192.168.7.5/24', 'dev', 'eth1']);
  t.true(await isAt('192.168.7.5'), daemon.stderr());
  t.regex(await laptop.run('avahi-browse', '-rtp', '_bramble._tcp'), /;192\.168\.7\.5;8067;/);
  const page = (path: string, method = 'GET') =>
    laptop.run('curl', '-s', '-m', '20', '-X', method, '-w', ' %{http_code}', `http://192.168.7.5:8067${path}`);
  t.true(await eventually(async () => (await page('/v1/status')).endsWith(' 200')), daemon.stderr());
  t.regex(await page('/'), /<title>.* 200$/s);
  t.regex(await page('/v1/boot/report', 'POST'), / 404$/, 'what is for boards is not told there');
  await host.exec(['ip', 'addr', 'del', '192.168.7.5/24', 'dev', 'eth1']);
  await host.exec(['ip', 'addr', 'add', '192.168.7.6/24', 'dev', 'eth1']);
  t.true(await isAt('192.168.7.6'), daemon.stderr());
});

test('another machine has a board’s name: in the events of the board, and in the status as long as it is so', async (t) => {
  const lan = await startLan(t);
  const other = await startAvahi(await lan.addHost({ name: 'worker-kube1', address: '10.77.0.99/24' }));
  const { daemon, bramble } = await startMaster(t, lan, 'dhcp: {mode: full, search: 0}');
  const board = await lan.addHost({ name: 'board', mac: 'dc:a6:32:01:02:03' });
  await board.inside.exec(['busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-s', '/bin/true'], {
    deadlineMs: 60_000,
  });
  await daemon.waitFor(/another host has a name of ours.*worker-kube1\.local.*10\.77\.0\.99/, 60_000);
  t.regex(await bramble('status', '-o', 'json'), /another host is called worker-kube1\.local \(10\.77\.0\.99\)/);
  t.true(
    await eventually(async () =>
      /another host has its name: 10\.77\.0\.99/.test(await bramble('events', 'worker-kube1')),
    ),
    daemon.stderr(),
  );
  await other.daemon.kill();
  await daemon.waitFor(/a name is free again.*worker-kube1\.local/, 60_000);
  t.notRegex(await bramble('status', '-o', 'json'), /another host is called/);
});
