/** Behind the master: real nftables, real chronyd, and a board that wants out. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { gatewayProgram, sayWhoAsks } from '../support/gateway.ts';
import { makeSite, nft } from './gateway-fixture.ts';

const launcher = fileURLToPath(new URL('../../daemon/launcher', import.meta.url));
const up = 'up eth0 10.77.0.0/24 wlan0';
const dropIn = '/etc/chrony/conf.d/bramble.conf';
/** Debian's own configuration; -x: it touches no clock. */
const chronyd = ['chronyd', '-x', '-d', '-u', 'root', '-f', '/etc/chrony/chrony.conf'];
/** As a board does, only that it sets no clock. */
const askTime = (server: string) => ['chronyd', '-Q', '-t', '30', `server ${server} iburst maxsamples 1`];
const offset = /System clock wrong by -?\d+\.\d+ seconds \(ignored\)/;
const outside = 'http://203.0.113.1:8080/';
const boardsSide = 'http://10.77.0.1:8080/';
const uplinkSide = 'http://203.0.113.2:8080/';
const boardItself = 'http://10.77.0.100:8080/';
/** What an owner may have there: it has nothing to do with forwarding. */
const ownersTable = 'table inet owner { chain input { type filter hook input priority 0; tcp dport 9 drop; }; }';
/** As kube-proxy publishes a Service. */
const publish =
  'table ip kube { chain pre { type nat hook prerouting priority -100; iifname wlan0 tcp dport 30080 dnat to 10.77.0.100:8080; }; }';

async function siteWithBoard(t: Parameters<typeof makeSite>[0]) {
  const site = await makeSite(t);
  await site.board.exec(['ip', 'address', 'add', '10.77.0.100/24', 'dev', 'eth0']);
  await site.board.exec(['ip', 'route', 'add', 'default', 'via', '10.77.0.1']);
  const forwarding = async (): Promise<string> => (await site.output('cat', '/proc/sys/net/ipv4/ip_forward')).trim();
  const setForwarding = (value: 0 | 1) => site.output('sysctl', '-qw', `net.ipv4.ip_forward=${value}`);
  const ruleset = () => site.output(nft, 'list', 'ruleset');
  return { ...site, forwarding, setForwarding, ruleset };
}

test('boards get out by the master’s address, nobody gets in, and it all goes away again', async (t) => {
  const { ask, output, onMaster, ruleset, forwarding, setForwarding, seenFrom, board, internet } =
    await siteWithBoard(t);
  await output(nft, ownersTable);
  const before = await ruleset();
  t.regex(before, /table inet owner/);
  t.is(await forwarding(), '0');
  // Without any rules a master that forwards is open: what is seen to be closed below is closed by them.
  await setForwarding(1);
  t.is(await seenFrom(internet, boardItself), '203.0.113.1');
  await setForwarding(0);
  t.is(await seenFrom(board, outside, 3), '');

  t.is(await ask(up), 'done\n');
  t.is(await seenFrom(board, outside), '203.0.113.2');
  t.is(await seenFrom(internet, boardItself, 3), '');
  const made = await ruleset();
  t.true(made.startsWith(before), 'the owner’s table is as it was');
  t.is(
    await output('cat', dropIn),
    '# Written by bramble, which takes it away again.\nallow 10.77.0.0/24\nlocal stratum 10\n',
  );

  t.is(await ask(up), 'done\n');
  t.is(await ruleset(), made, 'twice is once');
  await output(nft, publish);
  t.is(await seenFrom(internet, 'http://203.0.113.2:30080/'), '203.0.113.1', 'a Service that is published is reached');
  await output(nft, 'delete table ip kube');

  t.is(await ask('up eth0 10.77.0.0/24 -'), 'done\n', 'the uplink is gone for good');
  t.is(await ruleset(), before);
  t.is(await forwarding(), '0');
  t.is((await onMaster(['test', '-e', dropIn])).code, 0, 'still the clock');

  t.is(await ask(up), 'done\n');
  t.is(await ask('down'), 'done\n');
  t.is(await ruleset(), before);
  t.is(await forwarding(), '0');
  t.is((await onMaster(['test', '-e', dropIn])).code, 1);
  t.is(await seenFrom(board, outside, 3), '');
  t.is(await ask('down'), 'done\n', 'twice is once');
  t.is(await ruleset(), before);
});

test('from the uplink nobody gets to what the master serves on the boards’ side, only to what is published', async (t) => {
  const { ask, output, spawnOnMaster, seenFrom, board, internet } = await siteWithBoard(t);
  await spawnOnMaster([process.execPath, '-e', sayWhoAsks]).waitFor(/listens/);
  // Linux answers for each of its addresses by each of its interfaces.
  t.is(await seenFrom(internet, boardsSide), '203.0.113.1');
  t.is(await ask(up), 'done\n');
  t.is(await seenFrom(internet, boardsSide, 3), '');
  t.is(await seenFrom(internet, uplinkSide), '203.0.113.1', 'the status page and SSH are there');
  t.is(await seenFrom(board, boardsSide), '10.77.0.100');
  await output(nft, publish.replace('10.77.0.100:8080', '10.77.0.1:8080'));
  t.is(
    await seenFrom(internet, 'http://203.0.113.2:30080/'),
    '203.0.113.1',
    'a Service that ends on the master itself',
  );
  t.is(await ask('down'), 'done\n');
  t.is(await seenFrom(internet, boardsSide), '203.0.113.1');
});

test('brambled asks for it: the board that it serves gets out, and the time', async (t) => {
  const { folder, socket, master, board, spawnOnMaster, onMaster, seenFrom } = await makeSite(t);
  const config = join(folder, 'bramble.yaml');
  const site = { interface: 'eth0', topology: 'behind-master', uplink: 'wlan0', dhcp: { mode: 'full', search: 0 } };
  const own = { data: join(folder, 'data'), socket: join(folder, 'sock'), log: { level: 'debug' } };
  await writeFile(config, JSON.stringify({ ...site, ...own }));
  const brambled = [process.execPath, fileURLToPath(new URL('../../daemon/main.ts', import.meta.url))];
  const sockets = ['eth0', 'udp:67,udp:68,udp:69,udp:5353', '--'];
  const env = { BRAMBLE_GATEWAY: socket };
  const daemon = master.spawn([launcher, ...sockets, ...brambled, '--config', config], { env });
  await daemon.waitFor(
    /asked bramble-gateway[^\n]*"line":"up eth0 10\.77\.0\.0\/24 wlan0","standing":\{"name":"done"/,
    60_000,
  );
  t.is((await onMaster(['test', '-e', dropIn])).code, 0);
  await spawnOnMaster(chronyd).waitFor(/version .* starting/);

  const script = join(folder, 'udhcpc');
  const configured =
    '[ "$1" = bound ] || exit 0; ip address add $ip/$mask dev $interface; ip route add default via $router';
  await writeFile(script, `#!/bin/sh\n${configured}; echo $ip $router $ntpsrv\n`, { mode: 0o755 });
  const udhcpc = [
    'busybox',
    'udhcpc',
    '-i',
    'eth0',
    '-f',
    '-q',
    '-n',
    '-O',
    'ntpsrv',
    '-T',
    '2',
    '-t',
    '20',
    '-s',
    script,
  ];
  const lease = await board.inside.exec(udhcpc, { deadlineMs: 60_000 });
  const [, server = ''] = /10\.77\.0\.\d+ 10\.77\.0\.1 (10\.77\.0\.1)$/m.exec(lease.stdout) ?? [];
  t.is(server, '10.77.0.1', lease.stdout + lease.stderr);
  const time = await board.exec(askTime(server), { deadlineMs: 60_000 });
  t.regex(time.stdout + time.stderr, offset);
  t.is(await seenFrom(board, outside), '203.0.113.2');
  await daemon.kill();
  t.is(await daemon.exited, 0, daemon.stderr());
});

test('ip_forward is left on where it was on before, or where others forward by now', async (t) => {
  const { ask, output, forwarding, setForwarding } = await siteWithBoard(t);
  await setForwarding(1);
  t.is(await ask(up), 'done\n');
  t.is(await ask('down'), 'done\n');
  t.is(await forwarding(), '1', 'as it was');

  await setForwarding(0);
  t.is(await ask(up), 'done\n');
  await output(nft, 'table ip flannel { chain forward { type filter hook forward priority 0; }; }');
  t.is(await ask('down'), 'done\n');
  t.is(await forwarding(), '1', 'the cluster needs it');
});

const refused: readonly (readonly [words: string, why: RegExp])[] = [
  ['', /^failed: usage/],
  ['up', /^failed: usage/],
  ['down now', /^failed: usage/],
  ['show', /^failed: usage/],
  ['up eth0 10.77.0.0/24', /^failed: usage/],
  ['up eth0 10.77.0.0/24 wlan0 more', /^failed: usage/],
  ['up eth0  10.77.0.0/24 wlan0', /^failed: usage/],
  ['up ../eth0 10.77.0.0/24 wlan0', /^failed: usage/],
  ['up -eth0 10.77.0.0/24 wlan0', /^failed: usage/],
  ['up eth0 10.77.0.0/24 wlan0"; flush ruleset; #', /^failed: usage/],
  ['up eth0 10.77.0.0/24 wlan*', /^failed: usage/],
  ['up eth0 10.77.0.0/24 $(reboot)', /^failed: usage/],
  ['up eth0 10.77.0.0/24 an-interface-name', /^failed: usage/],
  ['up eth0 10.77.0.0/24\0 wlan0', /^failed: usage/],
  ['up eth0 10.77.0.256/24 wlan0', /^failed: usage/],
  ['up eth0 10.77.0.00/24 wlan0', /^failed: usage/],
  ['up eth0 10.77.0.0/024 wlan0', /^failed: usage/],
  ['up eth0 ١0.77.0.0/24 wlan0', /^failed: usage/],
  ['up eth0 10.77.0.1/24 wlan0', /^failed: 10\.77\.0\.1\/24 has host bits/],
  ['up eth0 10.0.0.0/7 wlan0', /^failed: \/7 is no subnet for boards/],
  ['up eth0 10.77.0.0/31 wlan0', /^failed: \/31 is no subnet for boards/],
  ['up eth0 127.0.0.0/8 wlan0', /^failed: 127\.0\.0\.0\/8 is not for hosts/],
  ['up eth0 224.0.0.0/8 wlan0', /^failed: 224\.0\.0\.0\/8 is not for hosts/],
  ['up eth0 10.77.0.0/24 eth0', /^failed: eth0 cannot be both/],
  ['up lo 10.77.0.0/24 wlan0', /^failed: not by the loopback interface/],
  ['up eth0 10.77.0.0/24 lo', /^failed: not by the loopback interface/],
  ['up eth0 10.78.0.0/24 wlan0', /^failed: eth0 has no address in 10\.78\.0\.0\/24/],
  ['up eth0 10.77.0.0/25 wlan0', /^failed: eth0 has no address in 10\.77\.0\.0\/25/],
  ['up eth9 10.77.0.0/24 wlan0', /^failed: eth9 has no address in/],
  [`up eth0 10.77.0.0/24 wlan0${' '.repeat(200)}`, /^failed: usage/],
];

test('what is not a wish of this form is refused, and nothing is done', async (t) => {
  const { ask, onMaster, ruleset, forwarding } = await siteWithBoard(t);
  for (const [words, why] of refused) t.regex(await ask(words), why, JSON.stringify(words));
  t.is(await ruleset(), '');
  t.is(await forwarding(), '0');
  t.is((await onMaster(['test', '-e', dropIn])).code, 1);
  const end = await onMaster([gatewayProgram, 'up', 'eth0', '10.77.0.0/24\n', 'wlan0']);
  t.deepEqual([end.code, end.stdout], [64, '']);
  const asNobody = ['setpriv', '--reuid', '65534', '--clear-groups', 'perl', '-T', '-', 'down'];
  const nobody = await onMaster(['sh', '-c', '"$@" < "$0"', gatewayProgram, ...asNobody]);
  t.deepEqual([nobody.code, nobody.stderr], [69, 'bramble-gateway: needs root\n']);
});

test('a board gets the time from the master, also while the master has it from nobody', async (t) => {
  const { ask, spawnOnMaster, board } = await siteWithBoard(t);
  t.is(await ask(up), 'done\n');
  const server = spawnOnMaster(chronyd);
  await server.waitFor(/version .* starting/);
  const { code, stdout, stderr } = await board.exec(askTime('10.77.0.1'), { deadlineMs: 60_000 });
  t.is(code, 0, stdout + stderr);
  t.regex(stdout + stderr, offset);
  await server.kill();
});
