/** The responder among avahi daemons, each on a machine of its own; and for a browser and a plain DNS client. Needs root. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { eventually, startAvahi } from '../support/avahi.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';

const fixture = fileURLToPath(new URL('./mdns-fixture.ts', import.meta.url));
const launcher = fileURLToPath(new URL('../../daemon/launcher', import.meta.url));
const boards = ['worker-kube1=10.77.0.11+ssh', 'worker-kube2=10.77.0.12'];

async function startLan(t: ExecutionContext): Promise<Lan> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  return lan;
}

async function startMaster(
  lan: Lan,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly host: Host; readonly responder: Running }> {
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards], { env });
  await responder.waitFor(/mDNS is on/, 60_000);
  return { host, responder };
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

  const remote = await desk.run('avahi-browse', '-rtp', '_ssh._tcp');
  t.regex(remote, /^=;eth0;IPv4;worker-kube1;SSH Remote Terminal;local;worker-kube1\.local;10\.77\.0\.11;22;/m);
  t.notRegex(remote, /kube2/);

  const browser = desk.watch(['avahi-browse', '-p', '_bramble._tcp']);
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
  t.notRegex(responder.stderr(), /another host has/);
});

test("another machine has a board's name: silence until it is gone; the master's own name gets a number", async (t) => {
  const lan = await startLan(t);
  const other = await startAvahi(await lan.addHost({ name: 'worker-kube1', address: '10.77.0.99/24' }));
  const namesake = await startAvahi(await lan.addHost({ name: 'master', address: '10.77.0.98/24' }));
  const host = await lan.addHost({ name: 'head', address: '10.77.0.1/24' });
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards]);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (name: string): Promise<string> => desk.run('avahi-resolve', '-4', '-n', name);

  await responder.waitFor(/another host has a name of ours.*worker-kube1\.local.*10\.77\.0\.99/, 60_000);
  await responder.waitFor(/another host has a name of ours.*"master\.local".*10\.77\.0\.98.*master-2\.local/, 60_000);
  t.true(await eventually(async () => (await resolve('master-2.local')) === 'master-2.local\t10.77.0.1\n'));
  t.is(await resolve('master.local'), 'master.local\t10.77.0.98\n');
  t.is(await resolve('worker-kube1.local'), 'worker-kube1.local\t10.77.0.99\n');
  t.is(await resolve('worker-kube2.local'), 'worker-kube2.local\t10.77.0.12\n');
  t.regex(await desk.run('avahi-browse', '-rtp', '_bramble._tcp'), /;master-2\.local;10\.77\.0\.1;8067;/);
  t.notRegex(other.daemon.stderr() + namesake.daemon.stderr(), /conflict/i);

  await other.daemon.kill();
  await responder.waitFor(/a name is free again.*worker-kube1\.local/, 60_000);
  t.true(await eventually(async () => (await resolve('worker-kube1.local')) === 'worker-kube1.local\t10.77.0.11\n'));
});

test('a machine that comes later and wants a name of ours has to take another', async (t) => {
  const lan = await startLan(t);
  const { responder } = await startMaster(lan);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (): Promise<string> => desk.run('avahi-resolve', '-4', '-n', 'worker-kube2.local');
  t.true(await eventually(async () => (await resolve()) === 'worker-kube2.local\t10.77.0.12\n'));
  const late = await startAvahi(await lan.addHost({ name: 'worker-kube2', address: '10.77.0.97/24' }));
  t.regex(late.daemon.stderr(), /Host name is worker-kube2-2\.local/);
  t.is(await resolve(), 'worker-kube2.local\t10.77.0.12\n');
  t.notRegex(responder.stderr(), /another host has/);
});

test('a board that offers SSH itself, with a text of its own, is left alone; when it goes, its service stays', async (t) => {
  const lan = await startLan(t);
  const { responder } = await startMaster(lan);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const browse = (): Promise<string> => desk.run('avahi-browse', '-rtp', '_ssh._tcp');
  t.true(await eventually(async () => (await browse()).includes(';22;')));
  const board = await startAvahi(await lan.addHost({ name: 'worker-kube1', address: '10.77.0.11/24' }), {
    ssh: 'serial=abcd',
  });
  await board.daemon.waitFor(/Service "worker-kube1" .* successfully established/, 60_000);
  t.true(await eventually(async () => (await browse()).includes('"serial=abcd"')));
  t.notRegex(board.daemon.stderr(), /conflict|collision|#2/i);
  t.notRegex(responder.stderr(), /another host has/);
  await board.daemon.kill();
  t.true(
    await eventually(async () => /;worker-kube1\.local;10\.77\.0\.11;22;$/m.test(await browse())),
    responder.stderr(),
  );
});

test('machines that come up by themselves are seen, with their hardware address if they tell it, and when they go', async (t) => {
  const lan = await startLan(t);
  const early = await startAvahi(
    await lan.addHost({ name: 'raspberrypi', mac: 'dc:a6:32:01:02:03', address: '10.77.0.60/24' }),
    { workstation: 'yes' },
  );
  const { responder } = await startMaster(lan, { MDNS_BROWSE: 'yes' });
  await responder.waitFor(/^seen raspberrypi 10\.77\.0\.60 dc:a6:32:01:02:03 -$/m, 60_000);
  const late = await startAvahi(await lan.addHost({ name: 'pi-late', address: '10.77.0.61/24' }), { ssh: 'a=b' });
  await responder.waitFor(/^seen pi-late 10\.77\.0\.61 - ssh$/m, 60_000);
  t.notRegex(responder.stderr(), /^seen (master|worker)/m);
  await early.daemon.kill();
  await responder.waitFor(/^gone raspberrypi 10\.77\.0\.60 /m, 60_000);
  await late.daemon.kill();
  await responder.waitFor(/^gone pi-late 10\.77\.0\.61 /m, 60_000);
  t.pass();
});

test('an interface that was removed and comes back', async (t) => {
  const lan = await startLan(t);
  const { host, responder } = await startMaster(lan);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (): Promise<string> => desk.run('avahi-resolve', '-4', '-n', 'worker-kube1.local');
  t.true(await eventually(async () => (await resolve()) !== ''));
  await host.exec(['ip', 'link', 'del', 'eth0']);
  await responder.waitFor(/mDNS cannot join its group/, 60_000);
  await lan.addHost({ name: 'master', address: '10.77.0.1/24', into: host });
  await responder.waitFor(/mDNS is on[\s\S]*mDNS is on/, 60_000);
  await desk.daemon.kill();
  const other = await startAvahi(await lan.addHost({ name: 'desk2', address: '10.77.0.51/24' }));
  const again = (): Promise<string> => other.run('avahi-resolve', '-4', '-n', 'worker-kube1.local');
  t.true(await eventually(async () => (await again()) === 'worker-kube1.local\t10.77.0.11\n'));
});

test('on the uplink the master is found by its address there, and the boards are not; each network hears its own', async (t) => {
  const [lan, home] = [await startLan(t), await startLan(t)];
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  await home.addHost({ name: 'master', address: '192.168.7.5/24', interface: 'eth1', into: host });
  const namesake = await startAvahi(await home.addHost({ name: 'worker-kube1', address: '192.168.7.60/24' }));
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards], {
    env: { MDNS_UPLINK: '192.168.7.5' },
  });
  await responder.waitFor(/mDNS is on[\s\S]*mDNS is on/, 60_000);
  const laptop = await startAvahi(await home.addHost({ name: 'laptop', address: '192.168.7.50/24' }));
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const isResolved = (by: typeof desk, name: string, address: string): Promise<boolean> =>
    eventually(async () => (await by.run('avahi-resolve', '-4', '-n', name)) === `${name}\t${address}\n`);

  t.true(await isResolved(laptop, 'master.local', '192.168.7.5'));
  t.regex(await laptop.run('avahi-browse', '-rtp', '_bramble._tcp'), /;master\.local;192\.168\.7\.5;8067;/);
  t.is(await laptop.run('avahi-resolve', '-4', '-n', 'worker-kube2.local'), '');
  t.true(await isResolved(desk, 'master.local', '10.77.0.1'));
  t.true(await isResolved(desk, 'worker-kube1.local', '10.77.0.11'));
  // A machine of the home network has the name of a board: that is no concern of the boards' network.
  t.true(await isResolved(laptop, 'worker-kube1.local', '192.168.7.60'));
  t.notRegex(responder.stderr() + namesake.daemon.stderr(), /another host has|conflict/i);
  process.kill(responder.pid, 'SIGTERM');
  t.is(await responder.exited, 0);
  t.true(await eventually(async () => (await laptop.run('avahi-resolve', '-4', '-n', 'master.local')) === ''));
});

test('avahi publishes for us on both networks: the boards on theirs', async (t) => {
  const [lan, home] = [await startLan(t), await startLan(t)];
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  await home.addHost({ name: 'master', address: '192.168.7.5/24', interface: 'eth1', into: host });
  const avahi = await startAvahi(host, { interfaces: 'eth0,eth1' });
  const env = { MDNS_AVAHI: 'yes', MDNS_UPLINK: '192.168.7.5' };
  const responder = avahi.watch([process.execPath, fixture, '10.77.0.1', '24', ...boards], env);
  await responder.waitFor(/mDNS goes through avahi[\s\S]*mDNS goes through avahi/, 60_000);
  const laptop = await startAvahi(await home.addHost({ name: 'laptop', address: '192.168.7.50/24' }));
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const finds = (by: typeof desk, address: string): Promise<boolean> =>
    eventually(async () => (await by.run('avahi-browse', '-rtp', '_bramble._tcp')).includes(`;${address};8067;`));
  t.true(await finds(laptop, '192.168.7.5'));
  t.true(await finds(desk, '10.77.0.1'));
  t.is(await desk.run('avahi-resolve', '-4', '-n', 'worker-kube1.local'), 'worker-kube1.local\t10.77.0.11\n');
  t.is(await laptop.run('avahi-resolve', '-4', '-n', 'worker-kube1.local'), '');
  t.notRegex(responder.stderr(), /another host has|does not/);
});

test('both interfaces on one network: the master does not fight itself', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  await lan.addHost({ name: 'master', address: '10.77.0.2/24', interface: 'eth1', into: host });
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards], {
    env: { MDNS_UPLINK: '10.77.0.2' },
  });
  await responder.waitFor(/mDNS is on[\s\S]*mDNS is on/, 60_000);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  t.true(await eventually(async () => (await desk.run('avahi-resolve', '-4', '-n', 'worker-kube2.local')) !== ''));
  t.regex(await desk.run('avahi-resolve', '-4', '-n', 'master.local'), /^master\.local\t10\.77\.0\.[12]\n$/);
  t.notRegex(responder.stderr(), /another host has/);
});

test('a name that was taken while the cable was out is seen when it is back', async (t) => {
  const lan = await startLan(t);
  const { host, responder } = await startMaster(lan);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (): Promise<string> => desk.run('avahi-resolve', '-4', '-n', 'worker-kube2.local');
  t.true(await eventually(async () => (await resolve()) !== ''));
  await lan.setLink(host, 'down');
  const other = await startAvahi(await lan.addHost({ name: 'worker-kube2', address: '10.77.0.97/24' }));
  t.regex(other.daemon.stderr(), /Host name is worker-kube2\.local/);
  await lan.setLink(host, 'up');
  await responder.waitFor(/mDNS is on[\s\S]*mDNS is on/, 60_000);
  await responder.waitFor(/another host has a name of ours.*worker-kube2\.local.*10\.77\.0\.97/, 60_000);
  t.notRegex(other.daemon.stderr(), /conflict/i, 'it is not driven from the name that it has');
});

test('with a socket of the launcher, and another address of the master', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const env = { MDNS_FD: '3', MDNS_MOVE: '10.77.0.2' };
  const command = [launcher, 'eth0', 'udp:5353', '--', process.execPath, fixture, '10.77.0.1', '24', ...boards];
  const responder = host.spawn(command, { env });
  await responder.waitFor(/mDNS is on/, 60_000);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (): Promise<string> => desk.run('avahi-resolve', '-4', '-n', 'master.local');
  t.true(await eventually(async () => (await resolve()) === 'master.local\t10.77.0.1\n'));
  await host.exec(['ip', 'addr', 'del', '10.77.0.1/24', 'dev', 'eth0']);
  await host.exec(['ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'eth0']);
  process.kill(responder.pid, 'SIGUSR1');
  t.true(await eventually(async () => (await resolve()) === 'master.local\t10.77.0.2\n'), responder.stderr());
  process.kill(responder.pid, 'SIGTERM');
  t.is(await responder.exited, 0);
});

test('avahi on the master publishes for us; when it stops we do it ourselves, until it is back', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const avahi = await startAvahi(host);
  const other = await startAvahi(await lan.addHost({ name: 'worker-kube2', address: '10.77.0.99/24' }));
  const command = [process.execPath, fixture, '10.77.0.1', '24', ...boards, 'worker-kube3=10.77.0.13'];
  const responder = avahi.watch(command, { MDNS_AVAHI: 'yes' });
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const resolve = (name: string): Promise<string> => desk.run('avahi-resolve', '-4', '-n', name);
  const resolves = (): Promise<boolean> =>
    eventually(async () => (await resolve('worker-kube1.local')) === 'worker-kube1.local\t10.77.0.11\n');

  await responder.waitFor(/mDNS goes through avahi/, 60_000);
  t.true(await resolves());
  t.is(await desk.run('avahi-resolve', '-a', '10.77.0.11'), '10.77.0.11\tworker-kube1.local\n');
  t.regex(
    await desk.run('avahi-browse', '-rtp', '_bramble._tcp'),
    /^=;eth0;IPv4;master;_bramble\._tcp;local;master\.local;10\.77\.0\.1;8067;.*"state=ready"/m,
  );
  t.regex(await desk.run('avahi-browse', '-rtp', '_ssh._tcp'), /;worker-kube1\.local;10\.77\.0\.11;22;/);
  await responder.waitFor(/another host has a name of ours.*worker-kube2\.local.*10\.77\.0\.99/, 60_000);
  t.notRegex(other.daemon.stderr(), /conflict/i);
  t.is(await resolve('worker-kube3.local'), 'worker-kube3.local\t10.77.0.13\n');
  process.kill(responder.pid, 'SIGUSR2');
  t.true(await eventually(async () => (await resolve('worker-kube3.local')) === ''));
  t.notRegex(responder.stderr(), /mDNS is on/);
  // avahi does not say that a name is free again: it is asked every five minutes. A new start asks at once.
  await other.daemon.kill();

  process.kill(avahi.daemon.pid, 'SIGUSR1');
  await responder.waitFor(/avahi is gone[\s\S]*mDNS is on/, 60_000);
  t.true(await resolves());
  t.true(await eventually(async () => (await resolve('worker-kube2.local')) === 'worker-kube2.local\t10.77.0.12\n'));
  process.kill(avahi.daemon.pid, 'SIGUSR2');
  await responder.waitFor(/mDNS is on[\s\S]*mDNS goes through avahi/, 60_000);
  t.true(await resolves());
  process.kill(responder.pid, 'SIGTERM');
  t.is(await responder.exited, 0);
  t.true(await eventually(async () => (await resolve('worker-kube1.local')) === ''));
});

test('avahi on the master that is restarted, and whose own name another machine has', async (t) => {
  const lan = await startLan(t);
  await startAvahi(await lan.addHost({ name: 'master', address: '10.77.0.98/24' }));
  const host = await lan.addHost({ name: 'head', address: '10.77.0.1/24' });
  const avahi = await startAvahi(host, { hostName: 'master' });
  t.regex(avahi.daemon.stderr(), /Host name is master-2\.local/);
  const responder = avahi.watch([process.execPath, fixture, '10.77.0.1', '24', ...boards], { MDNS_AVAHI: 'yes' });
  await responder.waitFor(/mDNS goes through avahi/, 60_000);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const isThere = (): Promise<boolean> =>
    eventually(async () => {
      const found = await desk.run('avahi-browse', '-rtp', '_bramble._tcp');
      return /;master-2\.local;10\.77\.0\.1;8067;/.test(found);
    });
  t.true(await isThere(), 'its service is where avahi says that it is');
  process.kill(avahi.daemon.pid, 'SIGUSR1');
  await responder.waitFor(/avahi is gone/, 60_000);
  process.kill(avahi.daemon.pid, 'SIGUSR2');
  await avahi.daemon.waitFor(/Server startup complete[\s\S]*Server startup complete/, 60_000);
  await responder.waitFor(/avahi is gone[\s\S]*mDNS goes through avahi/, 60_000);
  t.true(await isThere());
  t.is(await desk.run('avahi-resolve', '-4', '-n', 'worker-kube1.local'), 'worker-kube1.local\t10.77.0.11\n');
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

test("the master's own SSH is found where a server listens for others, and not where it does not", async (t) => {
  const lan = await startLan(t);
  const desk = await startAvahi(await lan.addHost({ name: 'desk', address: '10.77.0.50/24' }));
  const listener = (address: string): string =>
    `require('node:net').createServer().listen(22, '${address}', () => console.log('listens'))`;
  const remoteOf = async (name: string, at: string, listensAt: string): Promise<string> => {
    const host = await lan.addHost({ name, address: `${at}/24` });
    await host.spawn([process.execPath, '-e', listener(listensAt)]).waitFor(/listens/);
    const responder = host.spawn([process.execPath, fixture, at, '24', ...boards]);
    await responder.waitFor(/mDNS is on/, 60_000);
    const seen = (): Promise<string> => desk.run('avahi-browse', '-rtp', '_ssh._tcp');
    t.true(await eventually(async () => (await seen()).includes(';worker-kube1.local;')));
    const found = await seen();
    process.kill(responder.pid, 'SIGTERM');
    await responder.exited;
    return found;
  };
  t.notRegex(await remoteOf('closed', '10.77.0.2', '127.0.0.1'), /;master\.local;/);
  t.regex(await remoteOf('master', '10.77.0.1', '0.0.0.0'), /^=;eth0;IPv4;master;.*;master\.local;10\.77\.0\.1;22;/m);
});

test('avahi on the master that publishes for nobody is told once, however much changes', async (t) => {
  const lan = await startLan(t);
  const avahi = await startAvahi(await lan.addHost({ name: 'master', address: '10.77.0.1/24' }), { selfish: 'yes' });
  const responder = avahi.watch([process.execPath, fixture, '10.77.0.1', '24', ...boards], { MDNS_AVAHI: 'yes' });
  await responder.waitFor(/^refused .*NotPermitted/m, 60_000);
  process.kill(responder.pid, 'SIGUSR2');
  process.kill(responder.pid, 'SIGTERM');
  t.is(await responder.exited, 0);
  t.is(responder.stderr().match(/avahi does not let us publish/g)?.length, 1, responder.stderr());
});

test('a port that somebody keeps to himself ends it, with the cause: whoever keeps it up tries again', async (t) => {
  const lan = await startLan(t);
  const host = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const keeper = `require('node:dgram').createSocket('udp4').bind(5353, () => console.log('bound'))`;
  await host.spawn([process.execPath, '-e', keeper]).waitFor(/bound/);
  const responder = host.spawn([process.execPath, fixture, '10.77.0.1', '24', ...boards]);
  t.is(await responder.exited, 1);
  t.regex(responder.stderr(), /EADDRINUSE/);
});
