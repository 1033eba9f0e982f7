/** A board that somebody flashed, on the daemon's own network: it asks for an address like any other machine, and has the login of its image. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { parseIpv4 } from '../../config/values.ts';
import { startDaemon } from '../support/daemon.ts';
import { startFlashedBoard } from '../support/flashed-board.ts';
import { makeLan, runPrefix } from '../support/netns.ts';

const firstLogin = { user: 'pirate', password: 'a-published-password' };

async function scene(t: ExecutionContext, config: Readonly<Record<string, unknown>> = {}) {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  const folder = await mkdtemp(join(tmpdir(), 'bramble-adoption-'));
  t.teardown(async () => {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const pi = await lan.addHost({ name: 'pi', mac: 'b8:27:eb:01:02:03' });
  const daemon = await startDaemon(master, folder, '10.77.0.100-199', { join: { firstLogin }, ...config });
  /** Its system starts: first the network, then sshd. */
  const boot = async () => {
    const dhcp = await pi.inside.exec(['busybox', 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-s', '/bin/true']);
    const address = /lease of (\S+) obtained/.exec(dhcp.stderr)?.[1] ?? '';
    await pi.exec(['ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    const [port, password] = [22, firstLogin.password];
    return startFlashedBoard(t, { port, address: must(parseIpv4(address)), within: pi, password });
  };
  const state = async (): Promise<unknown> => (await daemon.client.status()).devices[0]?.state;
  return { daemon, folder, boot, state };
}

/** Everything that the daemon wrote, but for its configuration. */
async function written(folder: string, log: string): Promise<string> {
  const names = (await readdir(join(folder, 'data'), { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const texts = await Promise.all(names.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')));
  return [...texts, log].join('\n');
}

test('where nobody else can be it is taken in by itself, and joins like any other', async (t) => {
  const { daemon, folder, boot, state } = await scene(t);
  const board = await boot();
  await daemon.program.waitFor(/"to":"adopting"/, 60_000);
  await daemon.program.waitFor(/"from":"adopting","to":"starting"/, 60_000);
  await daemon.program.waitFor(/"from":"starting","to":"joining"/, 60_000);
  t.is(await state(), 'joining', 'there is no cluster here');
  t.regex(await board.read('/etc/shadow'), /^pirate:\*:/m);
  t.is(await board.read('/etc/hostname'), 'worker-kube1\n');
  t.is(board.log().match(/Accepted password/g)?.length, 1);
  t.notRegex(await written(folder, daemon.program.stdout()), /a-published-password/);
});

test('elsewhere it waits for the owner; what fails is told, and tried again when he asks', async (t) => {
  const { daemon, boot, state } = await scene(t, {
    admission: { mode: 'approve' },
    join: { firstLogin: { ...firstLogin, user: 'captain' } },
  });
  const board = await boot();
  t.is(await state(), 'seen');
  await daemon.bramble('accept', 'worker-kube1');
  await daemon.program.waitFor(/"from":"adopting","to":"failed"/, 60_000);
  const told = await daemon.bramble('describe', 'worker-kube1');
  t.regex(told, /FIRST_LOGIN: it does not take the password of captain/);
  const tries = (): number => board.log().match(/Failed password/g)?.length ?? 0;
  t.is(tries(), 1);
  await daemon.bramble('retry', 'worker-kube1');
  await daemon.program.waitUntil(() => tries() === 2 || undefined, 'a second try', 60_000);
  t.is(await board.read('/root/.ssh/authorized_keys'), '');
});
