/** What a session promises, asked of a real OpenSSH sshd and of the double alike. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { millis, seconds } from '../../config/values.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { startSshd } from './join-board.ts';
import { obey, startFakeBoard } from './join-fake-board.ts';

type Board = { readonly port: number; readonly hostKey: string };
type Start = (t: ExecutionContext, authorized: string) => Promise<Board>;

const startReal: Start = async (t, authorized) => {
  const { port, hostKey } = await startSshd(t, { authorized });
  return { port, hostKey: hostKey.publicLine };
};
const startFake: Start = (t, authorized) => startFakeBoard(t, obey, authorized);

const daemonKey = generateSshKeyPair('daemon');
const target = ({ port, hostKey }: Board, signal = new AbortController().signal) => ({
  ...{ host: '127.0.0.1', username: 'root', timeout: seconds(30), signal },
  ...{ port, hostKeys: [hostKey], privateKey: daemonKey.privateOpenssh },
});
const codeOf = (result: { ok: true } | { ok: false; error: { code: string } }): string =>
  result.ok ? 'ok' : result.error.code;

const runs = test.macro(async (t, start: Start) => {
  const board = await start(t, daemonKey.publicLine);
  const words = ["it's", '$HOME', '', '*', 'a  b', '"', '\\', 'two\nlines', 'käse'];
  const end = await withSsh(target(board), async (session) => {
    const echoed = must(await session.run('printf', ['%s\\n--\\n', ...words]));
    t.deepEqual(echoed.stdout.split('\n--\n').slice(0, -1), words);
    const failed = must(await session.run('sh', ['-c', 'cat; echo bad >&2; exit 7'], { stdin: 'from us' }));
    t.deepEqual(failed, { code: 7, stdout: 'from us', stderr: 'bad\n' });
    t.is(must(await session.run('no-such-program', [])).code, 127);
    t.is(must(await session.run('sh', ['-c', 'kill -9 $$'])).code, 255);
    t.is(must(await session.run('cat', [])).stdout, '', 'without standard input there is none to wait for');
    t.is(codeOf(await session.run('sleep', ['60'], { timeout: millis(200) })), 'SSH_TIMEOUT');
    t.is(must(await session.run('echo', ['on'])).stdout, 'on\n', 'a late program does not end the session');
    t.is(codeOf(await session.run('yes', [])), 'SSH_CLOSED', 'endless output is cut off');
    return 'worked';
  });
  t.is(must(end), 'worked');
});

const putsFiles = test.macro(async (t, start: Start) => {
  const board = await start(t, daemonKey.publicLine);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-put-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const content = `line\n${'ä'.repeat(100_000)}`;
  const file = join(folder, 'deep', 'er', 'join.yaml');
  const end = await withSsh(target(board), async (session) => {
    t.is(codeOf(await session.putFile(file, content, 0o600)), 'ok');
    t.true(must(await session.run('cat', [file])).stdout === content, 'whole');
    const listed = must(await session.run('stat', ['-c', '%a %F', join(folder, 'deep'), file]));
    t.is(listed.stdout, '700 directory\n600 regular file\n');
    t.is(codeOf(await session.putFile(file, '', 0o640)), 'ok');
    t.is(must(await session.run('stat', ['-c', '%a %s', file])).stdout, '640 0\n', 'replaced, and an empty one too');
    t.is(must(await session.run('ls', [join(folder, 'deep', 'er')])).stdout, 'join.yaml\n');
    t.is(codeOf(await session.putFile('/proc/nowhere/x', 'x', 0o600)), 'PUT_FILE_FAILED');
  });
  t.is(codeOf(end), 'ok');
});

const refuses = test.macro(async (t, start: Start) => {
  const board = await start(t, daemonKey.publicLine);
  const work = async (): Promise<void> => t.fail();
  const foreign = { ...board, hostKey: generateSshKeyPair('other').publicLine };
  t.is(codeOf(await withSsh(target(foreign), work)), 'SSH_HOST_KEY_CHANGED');
  const stranger = { ...target(board), privateKey: generateSshKeyPair('stranger').privateOpenssh };
  t.is(codeOf(await withSsh(stranger, work)), 'SSH_AUTH');
});

const aborts = test.macro(async (t, start: Start) => {
  const board = await start(t, daemonKey.publicLine);
  const closing = new AbortController();
  const working = withSsh(target(board, closing.signal), async (session) => {
    const running = session.run('sleep', ['60']);
    closing.abort(new Error('daemon stops'));
    t.is(codeOf(await running), 'SSH_CLOSED');
    t.is(codeOf(await session.run('true', [])), 'SSH_CLOSED', 'nothing more is run');
  });
  const started = performance.now();
  await t.throwsAsync(working, { message: 'daemon stops' });
  t.true(performance.now() - started < 30_000, 'long before the command would have ended');
});

for (const [name, start] of [
  ['real sshd', startReal],
  ['double', startFake],
] as const) {
  test(`${name}: words, standard input, exit codes and both outputs arrive as they are`, runs, start);
  test(`${name}: a file is put whole, with its mode, and its folder is made`, putsFiles, start);
  test(`${name}: a foreign host key gets no login, a foreign key of ours no session`, refuses, start);
  test(`${name}: an aborted signal ends a running command at once`, aborts, start);
}
