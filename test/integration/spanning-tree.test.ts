/** Spanning tree of a real bridge: heard by the listener, and seen in when a board's DISCOVERs arrive. Needs root. */
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../support/avahi.ts';
import { type Lan, makeLan, runPrefix } from '../support/netns.ts';
import { finish, startProgram } from '../support/program.ts';

const listener = fileURLToPath(new URL('../../daemon/stp-listener', import.meta.url));
const brambled = fileURLToPath(new URL('../../daemon/main.ts', import.meta.url));
const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function startLan(t: ExecutionContext): Promise<Lan> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  return lan;
}

/** With a forward delay in seconds, or off: then every port is open at once. */
async function setSpanningTree(lan: Lan, delay: number | 'off'): Promise<void> {
  const [state, time] = delay === 'off' ? ['0', '0'] : ['1', String(delay * 100)];
  // One after the other: with spanning tree no delay is under two seconds.
  for (const setting of [
    ['stp_state', state],
    ['forward_delay', time],
  ]) {
    const bridge = ['ip', '-n', lan.netns, 'link', 'set', 'br0', 'type', 'bridge'];
    const done = await finish(startProgram([...bridge, ...setting]));
    if (done.code !== 0) throw new Error(done.stderr);
  }
}

test('the listener hears a bridge with spanning tree and its forward delay, and none without', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  await setSpanningTree(lan, 15);
  const heard = await host.exec([listener, 'eth0', '5']);
  t.is(heard.code, 0, heard.stderr);
  t.regex(heard.stdout, /^8000\.[0-9a-f]{12} 0 15\n$/);
  t.is(heard.stderr, '');
  await setSpanningTree(lan, 'off');
  t.is((await host.exec([listener, 'eth0', '3'])).stdout, '');
});

test('what is no BPDU, or cut short, or of too many bridges', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const sender = await lan.addHost({ name: 'sender', address: '10.77.0.2/24' });
  // The bridge itself would take BPDUs, so they come from the other end of the listener's cable.
  const frames = `use Socket; my ($index) = map { /(\\d+)/ } do { open my $f, '<', '/sys/class/net/eth0/ifindex'; <$f> };
    socket(my $s, 17, SOCK_RAW, 0) or die; my $to = pack 'S n i S C C a8', 17, 4, $index, 0, 0, 6, '';
    sub bpdu { my ($bridge, $type, $llc) = @_;
      return pack('H12 H12 n', '0180c2000000', '020000000001', 38) . $llc
        . pack('n C C C H16 N H16 n n n n n', 0, 2, $type, 0, '8000' . '00' x 6, 0, $bridge, 1, 0, 20 * 256, 2 * 256, 15 * 256) }
    $| = 1;
    for my $round (1 .. 600) {
      print "round\\n";
      my $good = bpdu('80000200000000aa', 2, "\\x42\\x42\\x03");
      send $s, $_, 0, $to for substr($good, 0, 40), bpdu('8000020000000bad', 2, "\\xaa\\xaa\\x03"),
        bpdu('8000020000000bad', 128, "\\x42\\x42\\x03"), $good,
        map { bpdu(sprintf('8000020000001%03x', $_), 0, "\\x42\\x42\\x03") } 1 .. 60;
      select undef, undef, undef, .1;
    }`;
  await setSpanningTree(lan, 'off');
  // A bridge without spanning tree does not pass on what is sent to this group unless it is told to.
  const pass = [
    'sh',
    '-c',
    'echo 0 > /sys/class/net/br0/bridge/group_fwd_mask; echo 01:80:c2:00:00:0f > /sys/class/net/br0/bridge/group_addr',
  ];
  await finish(startProgram(['ip', 'netns', 'exec', lan.netns, ...pass]));
  const sending = sender.spawn(['perl', '-e', frames]);
  await sending.waitFor(/round/);
  const heard = await host.exec([listener, 'eth0', '3']);
  await sending.kill();
  t.is(heard.code, 0, heard.stderr);
  const bridges = heard.stdout.trim().split('\n');
  t.is(bridges.length, 16, heard.stdout);
  t.true(bridges.includes('8000.0200000000aa 2 15'));
  t.notRegex(heard.stdout, /bad/);
});

test('arguments and privileges', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  for (const args of [[], ['eth0'], ['eth0', '0'], ['eth0', '100'], ['../x', '5'], ['eth0', '5', 'x']]) {
    t.is((await host.exec([listener, ...args])).code, 64, args.join(' '));
  }
  t.is((await host.exec([listener, 'nosuch0', '5'])).code, 69);
  // As the unit runs the daemon: no root, and one capability that its children inherit. A clone may be where only root may read.
  const folder = await mkdtemp(join(tmpdir(), 'stp-listener-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const readable = join(folder, 'stp-listener');
  await copyFile(listener, readable);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const refused = await host.exec([...nobody, readable, 'eth0', '1']);
  t.is(refused.code, 69);
  t.regex(refused.stderr, /CAP_NET_RAW/);
  const capable = await host.exec([...nobody, '--inh-caps=+net_raw', '--ambient-caps=+net_raw', readable, 'eth0', '1']);
  t.is(capable.code, 0, capable.stderr);
});

test('a board behind a port that opens late is named in the status; one whose port is open is not', async (t) => {
  const lan = await startLan(t);
  const folder = await mkdtemp(join(tmpdir(), 'stp-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, 'bramble.yaml');
  const paths = `data: ${folder}/data\nsocket: ${folder}/sock\ncluster: {kubeconfig: ${folder}/none}\n`;
  await writeFile(config, `interface: eth0\n${paths}dhcp: {mode: full, search: 0}\n`);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  await setSpanningTree(lan, 8);
  const daemon = host.spawn([process.execPath, brambled, '--config', config]);
  await daemon.waitFor(/dhcp serves/, 60_000);
  const status = async (): Promise<string> =>
    (await finish(startProgram([process.execPath, cli, '--socket', `${folder}/sock`, 'status', '-o', 'json']))).stdout;
  t.true(await eventually(async () => /speaks spanning tree and keeps a port closed for 16 s/.test(await status())));
  // Listening and learning: its port lets nothing through for sixteen seconds.
  const blocked = await lan.addHost({ name: 'blocked', mac: 'dc:a6:32:01:02:03' });
  const ask = ['busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', '30', '-T', '2', '-s', '/bin/true'];
  t.is((await blocked.inside.exec(ask, { deadlineMs: 80_000 })).code, 0);
  t.true(
    await eventually(async () =>
      /the first DISCOVERs of worker-kube1 arrive late: set its switch port to edge/.test(await status()),
    ),
  );
  await setSpanningTree(lan, 'off');
  const open = await lan.addHost({ name: 'open', mac: 'dc:a6:32:01:02:04' });
  t.is((await open.inside.exec(ask, { deadlineMs: 80_000 })).code, 0);
  const shown = await status();
  t.regex(shown, /worker-kube2/);
  t.notRegex(shown, /DISCOVERs of worker-kube2/);
});
