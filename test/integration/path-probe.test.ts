/** The daemon's own way to its boards, over the kernel's real refusals, silences and cables. */
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import type { Running } from '../support/program.ts';

const child = fileURLToPath(new URL('./path-probe-child.ts', import.meta.url));
const addressOf = (index: number): string => `10.77.0.${101 + index}`;

async function startLan(
  t: ExecutionContext,
  names: readonly string[],
): Promise<{ lan: Lan; boards: readonly Host[]; watch: (...more: readonly string[]) => Running }> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const boards = await lan.addHosts(names.map((name, index) => ({ name, address: `${addressOf(index)}/24` })));
  const listed = names.map((name, index) => `${name}=${addressOf(index)}`);
  return {
    lan,
    boards,
    watch: (...more) => master.spawn([process.execPath, child, 'eth0', '10.77.0.1', ...listed, ...more]),
  };
}

const linesOf = (running: Running, name: string): readonly string[] =>
  running
    .stdout()
    .split('\n')
    .filter((line) => line.startsWith(`${name} `));

const drop = (host: Host | undefined, ...what: readonly string[]) =>
  host?.exec(['iptables', '-A', 'INPUT', ...what, '-j', 'DROP']);

test('a living board refuses; a pulled cable, a board that is gone and its return are seen; nobody else is suspected', async (t) => {
  const { lan, boards, watch } = await startLan(t, ['stays', 'pulled', 'gone']);
  const [, pulled, gone] = boards;
  if (pulled === undefined || gone === undefined) throw new Error('no boards');
  const probe = watch('never=10.77.0.200');
  await probe.waitFor(/stays alive[\s\S]*pulled alive[\s\S]*gone alive/);
  await lan.setLink(pulled, 'down');
  await probe.waitFor(/pulled silent/);
  await lan.setLink(pulled, 'up');
  await probe.waitFor(/pulled silent[\s\S]*pulled alive/);
  await lan.removeHost(gone);
  await probe.waitFor(/gone silent/);
  t.deepEqual(linesOf(probe, 'stays').slice(-1), ['stays alive']);
  t.false(/stays silent|never (alive|silent)|link down/.test(probe.stdout()), probe.stdout());
});

test('firewalls: who drops UDP is asked by TCP, and missed by it; who drops everything is unknown', async (t) => {
  const { lan, boards, watch } = await startLan(t, ['mute', 'closed', 'rejects', 'later']);
  const [mute, closed, rejects, later] = boards;
  if (mute === undefined || later === undefined) throw new Error('no boards');
  await drop(mute, '-p', 'udp');
  await drop(closed);
  // As firewalld does: what comes back looks like a host that is not there, and is not told to UDP at all.
  await rejects?.exec([
    'iptables',
    '-A',
    'INPUT',
    '-p',
    'udp',
    '-j',
    'REJECT',
    '--reject-with',
    'icmp-host-prohibited',
  ]);
  const probe = watch();
  await probe.waitFor(/mute alive[\s\S]*rejects alive[\s\S]*later alive/);
  await drop(later, '-p', 'udp');
  await lan.setLink(mute, 'down');
  await probe.waitFor(/mute silent/);
  await lan.setLink(mute, 'up');
  await probe.waitFor(/mute silent[\s\S]*mute alive/);
  t.false(/(later|rejects) silent|closed (alive|silent)|link down/.test(probe.stdout()), probe.stdout());
  await lan.setLink(later, 'down');
  await probe.waitFor(/later silent/, 60_000);
  t.pass();
});

test('our own cable: no carrier; and a switch that passes nothing on', async (t) => {
  const { lan, boards, watch } = await startLan(t, ['one', 'two']);
  const probe = watch();
  await probe.waitFor(/one alive[\s\S]*two alive/);
  const [one, two] = boards;
  if (one === undefined || two === undefined) throw new Error('no boards');
  await lan.setLink(one, 'down');
  await probe.waitFor(/one silent/);
  t.false(/link down/.test(probe.stdout()), 'one of two is not us');
  await lan.setLink(one, 'up');
  await probe.waitFor(/one silent[\s\S]*one alive/);
  await Promise.all([lan.setLink(one, 'down'), lan.setLink(two, 'down')]);
  await probe.waitFor(/link down/);
  await Promise.all([lan.setLink(one, 'up'), lan.setLink(two, 'up')]);
  await probe.waitFor(/link down[\s\S]*link up/);
});

test('our own cable is out: the carrier tells, and one board alone is enough', async (t) => {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const [master] = await lan.addHosts([
    { name: 'master', address: '10.77.0.1/24' },
    { name: 'only', address: '10.77.0.101/24' },
  ]);
  if (master === undefined) throw new Error('no master');
  const probe = master.spawn([process.execPath, child, 'eth0', '10.77.0.1', 'only=10.77.0.101']);
  await probe.waitFor(/only alive/);
  await lan.setLink(master, 'down');
  await probe.waitFor(/link down/);
  await lan.setLink(master, 'up');
  await probe.waitFor(/link down[\s\S]*link up/);
  // Without an address nothing can be asked, which says nothing of the board.
  await master.exec(['ip', 'addr', 'del', '10.77.0.1/24', 'dev', 'eth0']);
  await probe.waitFor(/link up[\s\S]*link down/);
  await master.exec(['ip', 'addr', 'add', '10.77.0.1/24', 'dev', 'eth0']);
  await probe.waitFor(/link up[\s\S]*link down[\s\S]*link up/);
  t.is(linesOf(probe, 'only').at(-1), 'only alive');
});
