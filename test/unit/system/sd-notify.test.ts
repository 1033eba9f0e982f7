import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { millis } from '../../../config/values.ts';
import type { Shell } from '../../../daemon/ports.ts';
import { createSdNotify, watchdogInterval } from '../../../daemon/system/sd-notify.ts';
import { systemShell } from '../../../daemon/system/shell.ts';
import { createLogDouble } from '../../support/doubles.ts';

function subject(env: Record<string, string>, code = 0) {
  const calls: string[] = [];
  const log = createLogDouble();
  const shell: Shell = async (program, args) => {
    calls.push([program, ...args].join(' '));
    return { code, stdout: '', stderr: 'reason' };
  };
  return { notify: createSdNotify({ env, shell, log }), calls, log };
}

test('says nothing where nobody listens', async (t) => {
  const { notify, calls } = subject({});
  await notify.ready();
  await notify.watchdog();
  t.deepEqual(calls, []);
});

test('says it with systemd-notify', async (t) => {
  const { notify, calls } = subject({ NOTIFY_SOCKET: '/run/systemd/notify' });
  await notify.ready();
  await notify.watchdog();
  await notify.status('3 boards\nready');
  await notify.stopping();
  t.deepEqual(calls, [
    'systemd-notify READY=1',
    'systemd-notify WATCHDOG=1',
    'systemd-notify STATUS=3 boards ready',
    'systemd-notify STOPPING=1',
  ]);
});

test('a failure is logged and does no harm', async (t) => {
  const { notify, log } = subject({ NOTIFY_SOCKET: '/x' }, 1);
  await notify.ready();
  t.like(log.find('systemd-notify failed'), { level: 'warn', fields: { code: 1 } });
});

test('the watchdog is fed three times in its time, if it is for us', (t) => {
  t.is(watchdogInterval({ WATCHDOG_USEC: '60000000' }, 5), millis(20_000));
  t.is(watchdogInterval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '5' }, 5), millis(20_000));
  t.is(watchdogInterval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '6' }, 5), undefined);
  t.is(watchdogInterval({}, 5), undefined);
  t.is(watchdogInterval({ WATCHDOG_USEC: 'x' }, 5), undefined);
});

/** What systemd is at the other end: a datagram socket. perl is on every Debian. */
const listener = `
  use Socket;
  socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die $!;
  bind($socket, sockaddr_un($ARGV[0])) or die $!;
  $| = 1;
  print "bound\\n";
  alarm 60;
  while (defined recv($socket, my $message, 4096, 0)) { $message =~ s/\\n/ /g; print "$message\\n" }`;

test('the message arrives at a real socket', async (t) => {
  const { signal } = new AbortController();
  const there = await systemShell('systemd-notify', ['--version'], { signal, timeout: millis(10_000) }).catch(
    () => undefined,
  );
  if (there?.code !== 0) {
    t.log('not run: there is no systemd-notify');
    return t.pass();
  }
  const folder = await mkdtemp(join(tmpdir(), 'bramble-notify-'));
  const perl = spawn('perl', ['-e', listener, join(folder, 'socket')], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(async () => {
    perl.kill();
    await rm(folder, { recursive: true });
  });
  const lines = createInterface({ input: perl.stdout })[Symbol.asyncIterator]();
  t.is((await lines.next()).value, 'bound');
  const old = process.env['NOTIFY_SOCKET'];
  process.env['NOTIFY_SOCKET'] = join(folder, 'socket');
  t.teardown(() => {
    if (old === undefined) delete process.env['NOTIFY_SOCKET'];
    else process.env['NOTIFY_SOCKET'] = old;
  });
  const notify = createSdNotify({ env: process.env, shell: systemShell, log: createLogDouble() });
  const sent = notify.status('3 boards ready').then(() => notify.watchdog());
  t.regex(String((await lines.next()).value), /STATUS=3 boards ready/);
  t.regex(String((await lines.next()).value), /BARRIER=1|WATCHDOG=1/);
  perl.kill();
  await sent;
});
