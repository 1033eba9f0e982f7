/** The responder among avahi daemons, each on a machine of its own; and for a browser and a plain DNS client. Needs root. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';

const fixture = fileURLToPath(new URL('./mdns-fixture.ts', import.meta.url));
const boards = ['worker-kube1=10.77.0.11', 'worker-kube2=10.77.0.12'];

async function startLan(t: ExecutionContext): Promise<Lan> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  return lan;
}

async function startMaster(lan: Lan): Promise<{ readonly host: Host; readonly responder: Running }> {
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards]);
  await responder.waitFor(/mDNS is on/, 60_000);
  return { host, responder };
}

/** Its own bus, as every machine has one. */
const avahiScript = `
mkdir -p /run/dbus /run/avahi-daemon; rm -rf /etc/avahi/services/*
printf '[server]\\nuse-ipv4=yes\\nuse-ipv6=no\\nallow-interfaces=eth0\\nenable-dbus=yes\\n[publish]\\npublish-hinfo=no\\n' > /run/avahi.conf
dbus-daemon --system --nofork --nopidfile & bus=$!
until [ -S /run/dbus/system_bus_socket ]; do sleep .05; done
avahi-daemon -f /run/avahi.conf --no-drop-root --no-chroot --no-rlimits & avahi=$!
trap 'kill $avahi; wait $avahi; kill $bus' TERM
wait $avahi`;

type Avahi = {
  readonly daemon: Running;
  readonly run: (...command: readonly string[]) => Promise<string>;
  readonly watch: (...command: readonly string[]) => Running;
};

async function startAvahi(host: Host): Promise<Avahi> {
  const daemon = host.inside.spawn(['bash', '-c', avahiScript]);
  await daemon.waitFor(/Server startup complete/, 60_000);
  const enter = (command: readonly string[]): string[] => ['nsenter', '-t', `${daemon.pid}`, '-m', '-u', ...command];
  return {
    daemon,
    run: async (...command) => (await host.exec(enter(command))).stdout,
    watch: (...command) => host.spawn(enter(command)),
  };
}

/** Again until it is so: caches take a second to forget (RFC 6762 10.1). */
async function eventually(question: () => Promise<boolean>, deadlineMs = 60_000): Promise<boolean> {
  for (const end = Date.now() + deadlineMs; Date.now() < end; ) if (await question()) return true;
  return false;
}

test('avahi resolves boards that are switched off, finds the service, and hears what is no more', async (t) => {
  const lan = await startLan(t);
  const { responder } = await startMaster(lan);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (name: string): Promise<string> => desk.run('avahi-resolve', '-4', '-n', name);

  t.is(await resolve('worker-kube1.local'), 'worker-kube1.local\t10.77.0.11\n');
  t.is(await resolve('Worker-Kube2.local'), 'worker-kube2.local\t10.77.0.12\n');
  t.is(await resolve('master.local'), 'master.local\t10.77.0.1\n');
  t.is(await desk.run('avahi-resolve', '-a', '10.77.0.12'), '10.77.0.12\tworker-kube2.local\n');
  const found = await desk.run('avahi-browse', '-rtp', '_bramble._tcp');
  t.regex(found, /^=;eth0;IPv4;master;_bramble\._tcp;local;master\.local;10\.77\.0\.1;8067;/m);
  t.regex(found, /"version=0\.1\.0"/);
  t.regex(found, /"state=ready"/);

  const browser = desk.watch('avahi-browse', '-p', '_bramble._tcp');
  await browser.waitFor(/^\+;eth0;IPv4;master;/m);
  process.kill(responder.pid, 'SIGUSR2');
  t.true(await eventually(async () => (await resolve('worker-kube2.local')) === ''));
  t.is(await resolve('worker-kube1.local'), 'worker-kube1.local\t10.77.0.11\n');
  process.kill(responder.pid, 'SIGTERM');
  await browser.waitFor(/^-;eth0;IPv4;master;/m);
  t.is(await responder.exited, 0);
  t.regex(responder.stderr(), /closed\n$/);
});

test('a board with its own avahi keeps its name, beside an avahi on the master; when it goes, the name stays', async (t) => {
  const lan = await startLan(t);
  const { host, responder } = await startMaster(lan);
  const masterAvahi = await startAvahi(host);
  const board = await startAvahi(await lan.addHost({ name: 'worker-kube1', address: '10.77.0.11/24' }));
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (): Promise<string> => desk.run('avahi-resolve', '-4', '-n', 'worker-kube1.local');

  t.regex(board.daemon.stderr(), /Host name is worker-kube1\.local/);
  t.regex(masterAvahi.daemon.stderr(), /Host name is master\.local/);
  t.is(await resolve(), 'worker-kube1.local\t10.77.0.11\n');
  await board.daemon.kill();
  t.is(await resolve(), 'worker-kube1.local\t10.77.0.11\n');
  t.notRegex(board.daemon.stderr() + masterAvahi.daemon.stderr(), /conflict/i);
  t.notRegex(responder.stderr(), /somebody else answers/);
});

test('a plain DNS client, the mdns-js browser, and noise', async (t) => {
  const lan = await startLan(t);
  const { responder } = await startMaster(lan);
  const desk = await lan.addHost({ name: 'desk', address: '10.77.0.50/24' });
  const node = async (script: string, ...args: readonly string[]): Promise<string> =>
    (await desk.exec([process.execPath, '--no-deprecation', '-e', script, ...args], { deadlineMs: 60_000 })).stdout;

  // A legal question for a name of ours with up to three bytes changed, from port 5353 and from another.
  const noise = `const { randomInt } = require('node:crypto');
    const question = Buffer.from('000700000002000000000000'
      + '0c776f726b65722d6b75626531056c6f63616c0000010001' + '085f6272616d626c65045f746370056c6f63616c00000c8001', 'hex');
    for (const port of [5353, 40000]) {
      const socket = require('node:dgram').createSocket('udp4');
      socket.bind(port, '10.77.0.50', () => {
        let left = 1500;
        const next = () => {
          if (left-- === 0) return socket.close();
          const bytes = Buffer.from(question.subarray(0, left % 5 === 0 ? randomInt(question.length) : question.length));
          for (let change = randomInt(4); change > 0 && bytes.length > 0; change -= 1) bytes[randomInt(bytes.length)] = randomInt(256);
          socket.send(bytes, 5353, '10.77.0.1', next);
        };
        next();
      });
    }`;
  const resolver = `const resolver = new (require('node:dns').promises.Resolver)({ timeout: 1000, tries: 5 });
    resolver.setServers(['10.77.0.1:5353']);
    resolver.resolve4('worker-kube2.local', { ttl: true }).then((found) => console.log(JSON.stringify(found)))`;
  t.is(await node(resolver), '[{"address":"10.77.0.12","ttl":10}]\n');
  await node(noise);
  t.is(await node(resolver), '[{"address":"10.77.0.12","ttl":10}]\n');

  const browser = `const mdns = require(process.argv[1]);
    const browser = mdns.createBrowser(mdns.tcp('bramble'));
    browser.on('ready', () => browser.discover());
    browser.on('update', (found) => {
      if (!found.port) return;
      console.log([found.host, found.port, found.addresses[0], found.txt.join(' ')].join(' '));
      process.exit(0);
    });`;
  // mdns-js joins the group on 0.0.0.0: the kernel wants a route to it.
  await desk.exec(['ip', 'route', 'add', 'default', 'dev', 'eth0']);
  const found = await node(browser, createRequire(import.meta.url).resolve('mdns-js'));
  t.is(found, 'master.local 8067 10.77.0.1 version=0.1.0 state=ready\n');
  t.notRegex(responder.stderr(), /not handled|uncaught/i);
});

test('a port that somebody keeps to himself is a warning', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const keeper = `require('node:dgram').createSocket('udp4').bind(5353, () => console.log('bound'))`;
  await host.spawn([process.execPath, '-e', keeper]).waitFor(/bound/);
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards]);
  await responder.waitFor(/mDNS is off/, 60_000);
  process.kill(responder.pid, 'SIGTERM');
  t.is(await responder.exited, 0);
  t.regex(responder.stderr(), /EADDRINUSE.*\nclosed\n$/);
});
