/** The launcher, and the sockets it hands over to Node. */
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { type Ipv4, parseIpv4 } from '../../config/values.ts';
import type { Log } from '../../daemon/ports.ts';
import { nodeUdp, parseInheritedSockets } from '../../daemon/system/udp.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';

const launcher = fileURLToPath(new URL('../../daemon/launcher', import.meta.url));
const ip = (text: string): Ipv4 => must(parseIpv4(text));

async function host(t: ExecutionContext): Promise<Host> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  return lan.addHost({ name: 'master', address: '10.77.0.1/24' });
}

test('the command runs with its sockets open and named', async (t) => {
  const master = await host(t);
  const show = 'echo $BRAMBLE_FDS; readlink /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5; ss -Hlun; echo "$@"';
  const command = ['sh', '-c', show, 'sh', 'one argument', '--two'];
  const { code, stdout, stderr } = await master.exec([launcher, 'eth0', 'udp:67,udp:69,udp:5353', '--', ...command]);
  t.is(code, 0, stderr);
  const lines = stdout.trim().split('\n');
  t.is(lines[0], '67=3,69=4,5353=5');
  t.true(
    lines.slice(1, 4).every((line) => line.startsWith('socket:')),
    stdout,
  );
  for (const port of [67, 69, 5353]) t.regex(stdout, new RegExp(`0\\.0\\.0\\.0%eth0:${port}\\s`));
  t.is(lines.at(-1), 'one argument --two');
});

test('the command’s exit code is its own, and it keeps the process id', async (t) => {
  const master = await host(t);
  const running = master.spawn([launcher, 'eth0', 'udp:67', '--', 'sh', '-c', 'echo $$; exit 7']);
  t.is(await running.exited, 7);
  t.is(running.stdout().trim(), String(running.pid));
});

const refused: { why: string; args: string[]; code: number; says: RegExp }[] = [
  { why: 'no arguments', args: [], code: 64, says: /usage: launcher INTERFACE udp:PORT/ },
  { why: 'no command', args: ['eth0', 'udp:67', '--'], code: 64, says: /usage/ },
  { why: 'no dashes', args: ['eth0', 'udp:67', 'true'], code: 64, says: /usage/ },
  { why: 'no such interface', args: ['eth9', 'udp:67', '--', 'true'], code: 69, says: /no interface 'eth9'/ },
  { why: 'a path for an interface', args: ['../net', 'udp:67', '--', 'true'], code: 69, says: /no interface/ },
  { why: 'not UDP', args: ['eth0', 'tcp:67', '--', 'true'], code: 69, says: /'tcp:67' is not udp:PORT/ },
  { why: 'a port of too many digits', args: ['eth0', 'udp:670000', '--', 'true'], code: 69, says: /is not udp:PORT/ },
  { why: 'a port above 65535', args: ['eth0', 'udp:65536', '--', 'true'], code: 69, says: /is not udp:PORT/ },
  { why: 'no port', args: ['eth0', '', '--', 'true'], code: 69, says: /is not udp:PORT/ },
  { why: 'no such command', args: ['eth0', 'udp:67', '--', '/nowhere/x'], code: 69, says: /cannot run '\/nowhere\/x'/ },
];
test('every refusal says what is wrong', async (t) => {
  const master = await host(t);
  for (const { why, args, code, says } of refused) {
    const end = await master.exec([launcher, ...args]);
    t.is(end.code, code, `${why}: ${end.stderr}`);
    t.regex(end.stderr, says, why);
  }
});

test('without root it says what it needs', async (t) => {
  const master = await host(t);
  // By standard input: the other user may not be able to read this folder.
  const asNobody = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups perl - eth0 udp:67 -- true < "$0"';
  const { code, stderr } = await master.exec(['sh', '-c', asNobody, launcher]);
  t.is(code, 69);
  t.regex(stderr, /UDP port 67: .*needs root or CAP_NET_BIND_SERVICE/);
});

test('BRAMBLE_FDS: read, absent, damaged', (t) => {
  t.deepEqual(
    must(parseInheritedSockets('67=3,69=4,5353=5')),
    new Map([
      [67, 3],
      [69, 4],
      [5353, 5],
    ]),
  );
  t.is(must(parseInheritedSockets(undefined)).size, 0);
  t.is(must(parseInheritedSockets('')).size, 0);
  for (const text of ['67', '67=', '=3', 'a=3', '67=3;69=4', '67=-1']) {
    t.like(parseInheritedSockets(text), { ok: false, error: { code: 'BAD_BRAMBLE_FDS' } }, text);
  }
});

/** Collects what the sockets complain about (test double). */
function logDouble(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const write = (message: string): void => {
    lines.push(message);
  };
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { log, lines };
}

test('a socket on loopback: there and back, and closed', async (t) => {
  const { log, lines } = logDouble();
  const open = nodeUdp(log);
  const received = Promise.withResolvers<[string, number]>();
  const bind = { address: ip('127.0.0.1'), port: 0 };
  const ear = await open({
    bind,
    onMessage: (payload, from) => received.resolve([Buffer.from(payload).toString(), from.port]),
  });
  const mouth = await open({ bind, onMessage: () => {} });
  mouth.send(Buffer.from('hello'), ear.local);
  t.deepEqual(await received.promise, ['hello', mouth.local.port]);
  await ear.close();
  await ear.close();
  await mouth.close();
  mouth.send(Buffer.from('too late'), ear.local);
  t.deepEqual(lines, ['udp datagram not sent']);
});

test('what cannot be sent is logged, not thrown', async (t) => {
  const { log, lines } = logDouble();
  const udp = await nodeUdp(log)({ bind: { address: ip('127.0.0.1'), port: 0 }, onMessage: () => {} });
  t.teardown(udp.close);
  udp.send(new Uint8Array(1), { address: ip('127.0.0.1'), port: 0 });
  t.is(lines.length, 1);
});

test('a receiver that throws does not end the process', async (t) => {
  const { log, lines } = logDouble();
  const second = Promise.withResolvers<void>();
  let calls = 0;
  const udp = await nodeUdp(log)({
    bind: { address: ip('127.0.0.1'), port: 0 },
    onMessage: () => {
      calls++;
      if (calls === 2) second.resolve();
      throw new Error('mine');
    },
  });
  t.teardown(udp.close);
  udp.send(new Uint8Array(1), udp.local);
  udp.send(new Uint8Array(1), udp.local);
  await second.promise;
  t.is(calls, 2);
  t.is(lines[0], 'udp datagram not handled');
});

test('an address that is not ours cannot be bound', async (t) => {
  const { log } = logDouble();
  const open = nodeUdp(log)({ bind: { address: ip('192.0.2.1'), port: 0 }, onMessage: () => {} });
  await t.throwsAsync(open, { code: 'EADDRNOTAVAIL' });
});

test('an inherited socket can be had once: after that its number is another file’s; one that nobody wants is closed', async (t) => {
  const master = await host(t);
  const udp = fileURLToPath(new URL('../../daemon/system/udp.ts', import.meta.url));
  const script = `
    import { fstatSync } from 'node:fs';
    import { closeInherited, nodeUdp } from ${JSON.stringify(udp)};
    const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
    const open = nodeUdp(log);
    const options = { bind: { address: '0.0.0.0', port: 67 }, fd: 3, onMessage() {} };
    const first = await open(options);
    await first.close();
    await open(options).then(() => console.log('twice'), (error) => console.log(error.message));
    closeInherited(4);
    try { fstatSync(4); console.log('open') } catch (error) { console.log(error.code) }
    closeInherited(4);
    closeInherited(undefined);`;
  const command = [process.execPath, '--input-type=module', '-e', script];
  const { code, stdout, stderr } = await master.exec([launcher, 'eth0', 'udp:67,udp:69', '--', ...command]);
  t.is(code, 0, stderr);
  t.regex(stdout, /port 67 that the launcher left is closed: start the daemon again\nEBADF\n$/);
});
