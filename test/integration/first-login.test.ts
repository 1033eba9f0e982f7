import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { after, parseHostname, seconds } from '../../config/values.ts';
import { type FirstLogin, firstLogin } from '../../daemon/join/first-login.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { type FlashedBoard, startFlashedBoard } from '../support/flashed-board.ts';
import { watchArguments } from './join-arguments.ts';
import { freePort } from './join-board.ts';

const daemonKey = generateSshKeyPair('daemon');
const name = must(parseHostname('worker-kube7'));

const login = (board: Pick<FlashedBoard, 'address' | 'port'>, changes: Partial<FirstLogin> = {}): FirstLogin => ({
  ...{ address: board.address, port: board.port, user: 'pirate', password: () => 'hypriot' },
  ...{ daemonKey, hostKey: generateSshKeyPair(name), again: false, name },
  ...{ clock: systemClock, signal: new AbortController().signal },
  ...changes,
});
const board = async (t: ExecutionContext, options: Omit<Parameters<typeof startFlashedBoard>[1], 'port'> = {}) =>
  startFlashedBoard(t, { port: await freePort(), ...options });

/** Whether root gets in with our key and the pinned host key, and whether anybody is still asked for a password. */
async function isOurs(t: ExecutionContext, at: FlashedBoard, { hostKey }: FirstLogin): Promise<void> {
  const session = await withSsh(
    {
      ...{ host: at.address, port: at.port, username: 'root', privateKey: daemonKey.privateOpenssh },
      ...{ hostKeys: [hostKey.publicLine], timeout: seconds(20), signal: new AbortController().signal },
    },
    (open) => open.run('id', ['-u']),
  );
  t.like(session, { ok: true, value: { ok: true, value: { stdout: '0\n' } } });
  // A foreign client's word for it.
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'PreferredAuthentications=none'];
  const ssh = ['-p', String(at.port), ...options.flatMap((option) => ['-o', option]), `pirate@${at.address}`, 'true'];
  const refusal = t.throws(() => execFileSync('ssh', ssh, { stdio: 'pipe', encoding: 'utf8' }));
  t.regex(refusal.message, /Permission denied \(publickey\)/);
}

for (const [what, options] of Object.entries({
  'a user with sudo': {},
  'a user whom sudo asks': { sudo: 'asks' },
  'with PAM, which asks by itself': {
    sshd: ['UsePAM yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication yes'],
  },
  'with PAM': { sshd: ['UsePAM yes', 'passwordauthentication yes', 'PermitRootLogin=no', 'X11Forwarding yes'] },
  root: { user: 'root', sshd: ['UsePAM no', 'PermitRootLogin yes'] },
} as const)) {
  test(`first login: ${what}: our keys, and no passwords any more`, async (t) => {
    const flashed = await board(t, options);
    const first = login(flashed, 'user' in options ? { user: options.user } : {});
    t.deepEqual(await firstLogin(first), { ok: true, value: undefined });
    await isOurs(t, flashed, first);
    t.regex(await flashed.read('/etc/shadow'), new RegExp(`^${first.user}:\\*:`, 'm'));
    t.is(await flashed.read('/etc/hostname'), 'worker-kube7\n', 'the name was the image’s');
    t.deepEqual(await firstLogin({ ...first, again: true }), { ok: true, value: undefined }, 'and once more');
    const [config, keys] = [
      await flashed.read('/etc/ssh/sshd_config'),
      await flashed.read('/root/.ssh/authorized_keys'),
    ];
    t.is(config.match(/^PasswordAuthentication /gim)?.length, 1);
    t.is(config.match(/^PermitRootLogin/gim)?.length, 1);
    t.is(keys, `${daemonKey.publicLine}\n`);
    t.is(flashed.log().match(/Failed password/g), null);
    t.is(flashed.log().match(/Accepted (password|keyboard-interactive)/g)?.length, 1, 'one login with it');
  });
}

test('a wrong password is tried once, and is in nobody’s words', async (t) => {
  const flashed = await board(t);
  const end = await firstLogin(login(flashed, { password: () => 'secret-word' }));
  t.deepEqual(end, {
    ok: false,
    error: { code: 'FIRST_LOGIN', detail: 'it does not take the password of pirate' },
  });
  t.is(flashed.log().match(/Failed password/g)?.length, 1);
  t.is(await flashed.read('/root/.ssh/authorized_keys'), '');
});

test('a user who may not become root: nothing is changed, and the password is in nobody’s words', async (t) => {
  for (const sudo of ['none'] as const) {
    const flashed = await board(t, { sudo });
    const before = await flashed.read('/etc/ssh/sshd_config');

    const end = await firstLogin(login(flashed));
    t.is(end.ok ? '' : end.error.code, 'FIRST_LOGIN');
    t.regex(end.ok ? '' : end.error.detail, /our keys could not be put there/);
    t.notRegex(end.ok ? '' : end.error.detail, /hypriot/);
    t.is(await flashed.read('/etc/ssh/sshd_config'), before);
  }
});

test('an sshd that keeps root out: its passwords stay as they are, for nobody else would get in any more', async (t) => {
  const flashed = await board(t, { sshd: ['UsePAM no', 'AllowUsers pirate'] });
  // Half a minute goes by at once.
  const clock = { ...systemClock, sleep: async () => undefined, now: ticking() };
  const end = await firstLogin(login(flashed, { clock }));
  t.regex(end.ok ? '' : end.error.detail, /does not let us in with them/);
  t.notRegex(await flashed.read('/etc/shadow'), /^pirate:\*:/m);
  t.notRegex(await flashed.read('/etc/ssh/sshd_config'), /PasswordAuthentication no/);
});

test('a name of the owner’s own stays', async (t) => {
  const flashed = await board(t, { hostname: 'living-room' });
  t.true((await firstLogin(login(flashed))).ok);
  t.is(await flashed.read('/etc/hostname'), 'living-room\n');
});

test('nobody there, an sshd that closes, and one without passwords', async (t) => {
  const flashed = await board(t, { sshd: ['PasswordAuthentication no', 'KbdInteractiveAuthentication no'] });
  const closing = createServer((socket) => void socket.on('error', () => undefined).end('SSH-2.0-closes\r\n'));
  closing.listen(0, flashed.address);
  await once(closing, 'listening');
  t.teardown(() => void closing.close());
  const { port }: { port: number } = Object(closing.address());
  for (const at of [flashed, { ...flashed, port }, { ...flashed, port: await freePort(flashed.address) }]) {
    const end = await firstLogin(login(at));
    t.regex(end.ok ? '' : end.error.detail, /^no login as pirate on 127\./);
  }
});

test('the host key changes between the two sessions: another machine answers, and gets nothing of the second one', async (t) => {
  const [flashed, other] = [await board(t), await board(t)];
  let connections = 0;
  // The first connection goes to the board, and every other one to somebody else.
  const switcher = createServer((near) => {
    connections += 1;
    const { address, port } = connections === 1 ? flashed : other;
    const far = connect(port, address);
    near.on('error', () => undefined).on('close', () => far.destroy());
    far.on('error', () => undefined).on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  }).listen(0, flashed.address);
  await once(switcher, 'listening');
  t.teardown(() => void switcher.close());
  const { port }: { port: number } = Object(switcher.address());
  const clock = { ...systemClock, sleep: async () => undefined, now: ticking() };
  const end = await firstLogin(login({ ...flashed, port }, { clock }));
  t.regex(end.ok ? '' : end.error.detail, /does not let us in/);
  t.true(connections > 1);
  t.is(await other.read('/root/.ssh/authorized_keys'), '');
  t.notRegex(other.log(), /Accepted|Failed/, 'nobody tried to log in there');
  t.notRegex(await flashed.read('/etc/shadow'), /^pirate:\*:/m, 'what was proven by nobody is not closed');
});

test('password and private keys are in no program’s arguments', async (t) => {
  const flashed = await board(t, { sudo: 'asks', password: 'a-password-of-its-own' });
  const watch = watchArguments();
  const first = login(flashed, { password: () => 'a-password-of-its-own' });
  t.true((await firstLogin(first)).ok);
  const { text, rounds } = await watch.stop();
  t.true(rounds > 2);
  t.regex(text, /authorized_keys|sudo/, 'its programs were seen');
  t.notRegex(text, /a-password-of-its-own|OPENSSH PRIVATE/);
});

/** A clock of which 5 s go by at each look. */
function ticking(): typeof systemClock.now {
  let now = systemClock.now();
  return () => {
    now = after(now, seconds(5));
    return now;
  };
}
