/** config, logs and support: what they show, and that nothing of it is secret. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { runBramble } from '../support/command-line.ts';
import { hostileDaemonDouble } from '../support/hostile-daemon-double.ts';
import { descriptionFake, deviceFake, eventFake, statusFake } from '../unit/http/views-fake.ts';

const run = promisify(execFile);
const password = 'hypriot-Pa55phrase';
const config = `join: { firstLogin: { user: pirate, password: ${password} } }\nhttp: { port: 8068 }\n`;

/** Of every kind that there is on a master; none of them is real. */
const secrets = [
  password,
  `K10${'ab12'.repeat(16)}::server:${'0123456789abcdef'.repeat(2)}`,
  'abcdef.0123456789abcdef',
  'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl',
  'MC4CAQAwBQYDK2VwBCIEIJ8PvMnEXAMPLE',
  'hunter2-of-the-plug',
];
const [, k3sToken, bootstrapToken, jwt, key, plug] = secrets;
const said = `${password} ${k3sToken} token ${bootstrapToken} Bearer ${jwt} http://admin:${plug}@10.0.0.7/on password=${plug}
-----BEGIN OPENSSH PRIVATE KEY-----\n${key}\n-----END OPENSSH PRIVATE KEY-----`;

const lines = [
  { time: '2026-01-01T12:00:00.000Z', level: 'info', message: 'joined', name: 'worker-kube1' },
  { time: '2026-01-01T12:00:01.000Z', level: 'warn', message: 'is slow', mac: 'dc:a6:32:01:02:01' },
  { time: '2026-01-01T12:00:02.000Z', level: 'info', message: 'joined', name: 'worker-kube10' },
  { time: '2026-01-01T12:00:03.000Z', level: 'info', message: `said ${said}` },
];

async function masterOf(t: ExecutionContext, journal = lines.map((line) => JSON.stringify(line)).join('\n')) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-support-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'bramble.yaml'), config);
  await writeFile(join(folder, 'journal'), `${journal}\n`);
  // A double: it notes its arguments, and prints what is there.
  await writeFile(join(folder, 'journalctl'), `#!/bin/sh\necho "$@" >${folder}/asked\ncat ${folder}/journal\n`);
  await chmod(join(folder, 'journalctl'), 0o755);
  const socket = join(folder, 'sock');
  const board = deviceFake('worker-kube1');
  const answers = (_: string, path: string): unknown => {
    if (path === '/v1/status') return statusFake([board]);
    if (path === '/v1/events') return { events: [{ ...eventFake(1), reason: `the board said ${said}` }] };
    const description = { ...descriptionFake(board), failedOutput: said.split('\n'), installerLog: [said] };
    return path.endsWith('/describe') ? description : undefined;
  };
  const double = await hostileDaemonDouble(socket, answers, () => '', new Set());
  t.teardown(double.close);
  const path = `${folder}:${process.env['PATH']}`;
  const env = { PATH: path, BRAMBLE_SOCKET: socket, BRAMBLE_CONFIG: join(folder, 'bramble.yaml') };
  return { folder, env };
}

test('config show: all that is in force, its secrets as …', async (t) => {
  const { env } = await masterOf(t);
  const { code, out } = await runBramble(['config', 'show'], env);
  t.is(code, 0);
  t.false(out.includes(password));
  const shown: { join: unknown; http: unknown; socket: unknown } = parse(out);
  t.like(shown, { http: { port: 8068 }, socket: '/run/bramble/brambled.sock' });
  t.like(shown.join, { firstLogin: { user: 'pirate', password: '…' } });
  const json = JSON.parse((await runBramble(['config', 'show', '-o', 'json'], env)).out);
  t.deepEqual(json, shown);
});

test("config check: the daemon's own words and 0 or 1; config path: which file", async (t) => {
  const { folder, env } = await masterOf(t);
  t.like(await runBramble(['config', 'check'], env), { code: 0, out: 'the configuration is well\n', err: '' });
  const file = join(folder, 'wrong.yaml');
  await writeFile(file, 'htpp: {}\ndhcp: { mode: loud }\n');
  const wrong = await runBramble(['config', 'check', '--config', file], env);
  t.like(wrong, { code: 1, out: '' });
  t.regex(wrong.err, /wrong\.yaml:1: htpp: is no key of bramble\.yaml\n/);
  t.regex(wrong.err, /wrong\.yaml:2: dhcp\.mode: /);
  t.regex(wrong.err, /2 problems; nothing was started\n$/);
  t.like(await runBramble(['config', 'path'], env), { code: 0, out: `${folder}/bramble.yaml\n`, err: '' });
  const none = await runBramble(['config', 'path', '--config', join(folder, 'none.yaml')], env);
  t.regex(none.err, /none\.yaml: the defaults are in force/);
});

test('logs: all, or of one board by each of its names; 1 with what to do where there is none', async (t) => {
  const { folder, env } = await masterOf(t);
  const all = await runBramble(['logs', '-n', '50'], env);
  t.is(all.code, 0);
  t.regex(all.out, /^12:00:00 info {2}joined {2}name=worker-kube1\n12:00:01 warn {2}is slow {2}mac=/);
  t.regex(await readFile(join(folder, 'asked'), 'utf8'), /-u bramble\* -n 50$/m);
  const one = await runBramble(['logs', 'worker-kube1', '-o', 'json'], env);
  t.deepEqual(
    one.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    lines.slice(0, 2),
  );
  t.is((await runBramble(['logs', 'worker-kube1', '-n', '1'], env)).out.trimEnd().split('\n').length, 1);
  t.is((await runBramble(['logs', '-n', '0'], env)).code, 64);
  await writeFile(join(folder, 'journal'), '-- No entries --\n');
  const empty = await runBramble(['logs'], env);
  t.like(empty, { code: 1, out: '' });
  t.regex(empty.err, /nothing of bramble; a daemon that systemd did not start/);
  const without = await runBramble(['logs'], { ...env, PATH: '/nonexistent' });
  t.like(without, { code: 1, out: '' });
  t.regex(without.err, /no journalctl on this machine/);
});

test('logs -f goes on until ctrl-C', async (t) => {
  const { folder, env } = await masterOf(t);
  await writeFile(join(folder, 'journalctl'), `#!/bin/sh\ncat ${folder}/journal\nexec tail -f /dev/null\n`);
  const stop = new AbortController();
  const out = (text: string): void => {
    if (text.includes('said')) stop.abort();
  };
  const ended = await runBramble(['logs', '-f'], env, { signal: stop.signal, out });
  t.is(ended.code, 0, ended.err);
  t.is(ended.out.trimEnd().split('\n').length, lines.length);
});

test('support: one archive that tar reads, for its owner alone, with no secret in any file', async (t) => {
  const { folder, env } = await masterOf(t);
  const file = join(folder, 'bundle.tar.gz');
  const done = await runBramble(['support', '-o', file], env);
  t.like(done, { code: 0, out: `${file}\n`, err: '' });
  t.is((await stat(file)).mode & 0o777, 0o600);
  await run('tar', ['-xzf', file, '-C', folder]);
  const top = join(folder, 'bramble-support');
  const entries = await readdir(top, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = new Map(await Promise.all(files.map(async (one) => [one, await readFile(one, 'utf8')] as const)));
  t.deepEqual(
    [...texts.keys()].map((one) => one.slice(top.length + 1)).toSorted((a, b) => (a < b ? -1 : 1)),
    [
      ...['boards/worker-kube1.json', 'config.yaml', 'events.json', 'log.txt', 'machine.txt', 'network.txt'],
      ...['status.json', 'versions.txt'],
    ],
  );
  for (const [name, text] of texts) for (const secret of secrets) t.false(text.includes(secret), `${name}: ${secret}`);
  t.regex(texts.get(join(top, 'log.txt')) ?? '', /"message":"joined","name":"worker-kube10"/);
  t.regex(texts.get(join(top, 'events.json')) ?? '', /the board said «removed»/);
  t.regex(texts.get(join(top, 'config.yaml')) ?? '', /port: 8068/);
  t.regex(texts.get(join(top, 'network.txt')) ?? '', /\$ ip -brief link\n/);
  const again = await runBramble(['support', '-o', file], env);
  t.like(again, { code: 1, out: '' });
  t.regex(again.err, /is there already: name another with -o/);
});

test('support without daemon, journal and a right configuration says what is missing, and writes the rest', async (t) => {
  const { folder, env } = await masterOf(t);
  await writeFile(join(folder, 'bramble.yaml'), 'frob: 1\n');
  const file = join(folder, 'bundle.tar.gz');
  const gone = { ...env, PATH: '/usr/bin:/bin', BRAMBLE_SOCKET: join(folder, 'none') };
  t.is((await runBramble(['support', '-o', file], gone)).code, 0);
  const { stdout } = await run('tar', ['-xzOf', file]);
  t.regex(stdout, /not to be had: the daemon does not answer on/);
  t.regex(stdout, /frob: is no key of bramble\.yaml/);
});
