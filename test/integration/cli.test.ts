import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import type { Terminal } from '../../cli/output/terminal.ts';
import { must, ok, problem } from '../../config/result.ts';
import { type AdminDeps, adminApi } from '../../daemon/http/endpoints/admin.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import type { DeviceDescription, DeviceView, EventView, StatusView } from '../../daemon/http/wire.ts';
import { type Ended, runBramble } from '../support/command-line.ts';
import { accessFake } from '../unit/http/access-fake.ts';
import { balanceFake } from '../unit/http/balance-fake.ts';
import { cardsFake } from '../unit/http/cards-fake.ts';
import { failoverFake } from '../unit/http/failover-fake.ts';
import { loginFake } from '../unit/http/login-fake.ts';
import { openingFake } from '../unit/http/opening-fake.ts';
import { powerFake } from '../unit/http/power-fake.ts';
import { descriptionFake, deviceFake, eventFake, imageFilesFake, statusFake } from '../unit/http/views-fake.ts';
import { silentLog } from './installer-boot-fake.ts';

type DaemonFake = {
  readonly socket: string;
  readonly acted: string[];
  readonly publish: (event: EventView) => void;
  readonly followed: Promise<void>;
};

async function daemonFake(
  t: ExecutionContext,
  boards: readonly DeviceView[],
  master: Partial<StatusView['master']> = {},
  disks: ReadonlyMap<string, DeviceDescription['disk']> = new Map(),
): Promise<DaemonFake> {
  const socket = join(await folderOf(t), 'brambled.sock');
  const acted: string[] = [];
  const listeners = new Set<(event: EventView) => void>();
  const { promise: followed, resolve } = Promise.withResolvers<void>();
  const find = (name: string): DeviceView | undefined => boards.find((board) => board.name === name);
  const deps: AdminDeps = {
    ...cardsFake(),
    ...openingFake(),
    ...balanceFake(),
    ...failoverFake(),
    ...powerFake(),
    ...accessFake,
    ...loginFake,
    status: () => statusFake(boards, master),
    describe: (name) => {
      const board = find(name);
      return board && { ...descriptionFake(board), disk: disks.get(name) ?? null };
    },
    events: () => [eventFake(1), eventFake(2)],
    subscribe: (listener) => {
      listeners.add(listener);
      resolve();
      return () => listeners.delete(listener);
    },
    workloads: () => ({ known: false, spread: [], services: [] }),
    metrics: () => '',
    ready: () => ({ ok: true, failing: [] }),
    imageFiles: async (name) => {
      const board = find(name);
      if (board?.state === 'pending')
        return problem('NOT_COMPATIBLE', 'old has no device tree for a Pi 5: import a newer image');
      return board && ok(imageFilesFake(name));
    },
    replace: async (name, { heir, by, loseData }) => {
      const [old, board] = [find(name), find(heir)];
      if (old === undefined || board === undefined) return problem('NOT_FOUND', `no board ${old ? heir : name}`);
      if (!loseData) return problem('CONFLICT', `${name}: 1 volume lies on its disk (pv-1)`);
      acted.push(`replace ${name} with ${heir} by ${by}`);
      return ok({ ...board, name, state: 'accepted' });
    },
    act: async (name, action, { by, force }) => {
      const board = find(name);
      if (board === undefined) return problem('NOT_FOUND', 'no such board');
      if (action === 'retry') return problem('CONFLICT', `${name} is ${board.state}: nothing to retry`);
      acted.push(`${action} ${name} by ${by}${force ? ' by force' : ''}`);
      return ok({ ...board, state: action === 'leave' ? 'left' : `${action}ed` });
    },
  };
  const stopped = new AbortController();
  const server = must(
    await serveHttp({ listen: { socket }, routes: adminApi(deps), log: silentLog, signal: stopped.signal }),
  );
  t.teardown(async () => {
    stopped.abort();
    await server.closed;
  });
  const publish = (event: EventView): void => {
    for (const listener of listeners) listener(event);
  };
  return { socket, acted, publish, followed };
}

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-cli-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const bramble = (socket: string, args: readonly string[], more?: Partial<Terminal>): Promise<Ended> =>
  runBramble(args, { BRAMBLE_SOCKET: socket }, more);

const ready = deviceFake('worker-kube1');
const pending = deviceFake('worker-kube2', { state: 'pending', why: 'beside the router, without proof' });

test('status: 0 when all is well, 2 when a board needs the owner or none is served; "bramble" alone is status', async (t) => {
  const well = await daemonFake(t, [ready]);
  const sick = await daemonFake(t, [ready, pending], { advice: ['bramble accept worker-kube2'] });
  const unserved = await daemonFake(t, [ready], { degraded: true });
  t.is((await bramble(unserved.socket, ['status', '-o', 'wide'])).code, 2);
  t.like(await bramble(well.socket, ['status']), { code: 0, err: '' });
  const alone = await bramble(sick.socket, []);
  t.is(alone.code, 2);
  t.regex(alone.out, /NEXT: bramble accept worker-kube2\n$/);
  t.true(alone.out.indexOf('worker-kube2 ') < alone.out.indexOf('worker-kube1 '));
});

test('status -o json, yaml, name, wide', async (t) => {
  const { socket } = await daemonFake(t, [ready, pending]);
  const expected = JSON.parse(JSON.stringify(statusFake([ready, pending])));
  t.deepEqual(JSON.parse((await bramble(socket, ['status', '-o', 'json'])).out), expected);
  t.deepEqual(parse((await bramble(socket, ['-o', 'yaml'])).out), expected);
  t.is((await bramble(socket, ['status', '-o', 'name'])).out, 'worker-kube2\nworker-kube1\n');
  t.regex((await bramble(socket, ['status', '-o', 'wide'])).out, /dc:a6:32:01:02:01 +10000000abcdef01 +d-/);
});

test('status --state, --model: only those boards; the exit code is that of all', async (t) => {
  const { socket } = await daemonFake(t, [ready, pending, deviceFake('worker-kube3', { model: 'pi5' })]);
  const names = async (...args: readonly string[]) => {
    const { code, out } = await bramble(socket, ['status', '-o', 'name', ...args]);
    t.is(code, 2);
    return out.trimEnd().split('\n');
  };
  t.deepEqual(await names('--state', 'pending'), ['worker-kube2']);
  t.deepEqual(await names('--state', 'pending', 'ready', '--model', 'pi4'), ['worker-kube2', 'worker-kube1']);
  t.deepEqual(await names('--model', 'cm4'), ['']);
  const document = JSON.parse((await bramble(socket, ['status', '-o', 'json', '--model', 'pi5'])).out);
  t.deepEqual(
    document.devices.map(({ name }: DeviceView) => name),
    ['worker-kube3'],
  );
  t.is((await bramble(socket, ['status', '--model', 'pi9'])).code, 64);
});

test('status -w shows it again until ctrl-C; JSON is one document a line', async (t) => {
  const { socket } = await daemonFake(t, [ready]);
  const stop = new AbortController();
  let shown = 0;
  const out = (): void => {
    shown += 1;
    if (shown === 2) stop.abort();
  };
  const ended = await bramble(socket, ['status', '-w', '-o', 'json'], { signal: stop.signal, out });
  t.is(ended.code, 0);
  t.is(ended.out.trimEnd().split('\n').length, 2);
});

test('image render: every file without its secrets; 1 where no image can be made, 4 where no board is', async (t) => {
  const { socket } = await daemonFake(t, [ready, pending]);
  const text = await bramble(socket, ['image', 'render', 'worker-kube1']);
  t.is(text.code, 0);
  t.is(
    text.out,
    `worker-kube1: 2 files beside the base raspios-lite (cloud-init); its next image, which draws a new arming and, if it has none yet, a host key
nobody keeps it up

==> user-data (411 bytes) <==
#cloud-config
key: "*** secret, 399 bytes ***"

==> logo.bin (5 bytes) <==
*** no text, 5 bytes ***
`,
  );
  const expected = JSON.parse(JSON.stringify(imageFilesFake('worker-kube1')));
  t.deepEqual(JSON.parse((await bramble(socket, ['image', 'render', 'worker-kube1', '-o', 'json'])).out), expected);
  t.deepEqual(parse((await bramble(socket, ['image', 'render', 'worker-kube1', '-o', 'yaml'])).out), expected);
  const refused = await bramble(socket, ['image', 'render', 'worker-kube2']);
  t.like(refused, { code: 1, out: '' });
  t.regex(refused.err, /no image for worker-kube2: old has no device tree/);
  t.is((await bramble(socket, ['image', 'render', 'worker-kube9'])).code, 4);
});

test('describe', async (t) => {
  const { socket } = await daemonFake(t, [ready]);
  const text = await bramble(socket, ['describe', 'worker-kube1']);
  t.is(text.code, 0);
  t.regex(text.out, /7\.2 s {2}ready/);
  t.is(JSON.parse((await bramble(socket, ['describe', 'worker-kube1', '-o', 'json'])).out).timeline.length, 2);
  const none = await bramble(socket, ['describe', 'worker-kube9']);
  t.like(none, { code: 4, out: '' });
  t.regex(none.err, /no board "worker-kube9"/);
  t.is((await bramble(socket, ['describe', '../../healthz'])).code, 4);
});

test('events, and events -f until ctrl-C', async (t) => {
  const daemon = await daemonFake(t, [ready]);
  const { socket } = daemon;
  const stored = await bramble(socket, ['events']);
  t.is(stored.out.trimEnd().split('\n').length, 2);
  t.regex(stored.out, /worker-kube1 {2}joining → ready/);
  t.is((await bramble(socket, ['events', 'worker-kube9'])).code, 4);
  const stop = new AbortController();
  let lines = 0;
  const out = (): void => {
    lines += 1;
    if (lines === 3) stop.abort();
  };
  const following = bramble(socket, ['events', '-f', '-o', 'json', 'worker-kube1'], { signal: stop.signal, out });
  await daemon.followed;
  daemon.publish(eventFake(3));
  const ended = await following;
  t.is(ended.code, 0, ended.err);
  t.deepEqual(
    ended.out
      .trimEnd()
      .split('\n')
      .map((line): number => JSON.parse(line).id),
    [1, 2, 3],
  );
});

test('accept, reject, retry: each name is tried, the first failure is the exit code, and it is known who asked', async (t) => {
  const { socket, acted } = await daemonFake(t, [ready, pending]);
  const some = await bramble(socket, ['accept', 'worker-kube9', 'worker-kube2']);
  t.is(some.code, 4);
  t.is(some.out, 'worker-kube2: accepted\n');
  t.is((await bramble(socket, ['reject', 'worker-kube1'])).code, 0);
  t.deepEqual(acted, ['accept worker-kube2 by anna', 'reject worker-kube1 by anna']);
  const conflict = await bramble(socket, ['retry', 'worker-kube1']);
  t.is(conflict.code, 1);
  t.is(conflict.err, 'bramble: worker-kube1 is ready: nothing to retry\n');
});

test('leave and forget: a word for each board; a forgotten one is not shown as what it was', async (t) => {
  const { socket, acted } = await daemonFake(t, [ready, pending]);
  t.is((await bramble(socket, ['leave', 'worker-kube1'])).out, 'worker-kube1: left\n');
  t.is((await bramble(socket, ['forget', 'worker-kube2'])).out, 'worker-kube2: forgotten\n');
  t.deepEqual(acted, ['leave worker-kube1 by anna', 'forget worker-kube2 by anna']);
});

test('replace: the new board is named, volumes are only given up where that is said', async (t) => {
  const { socket, acted } = await daemonFake(t, [ready, pending]);
  const replace = ['replace', 'worker-kube1', '--with'];
  t.like(await bramble(socket, [...replace, 'worker-kube2']), { code: 1, out: '' });
  t.like(await bramble(socket, [...replace, 'worker-kube9']), { code: 4, err: 'bramble: no board worker-kube9\n' });
  t.is((await bramble(socket, ['replace', 'worker-kube1'])).code, 64);
  t.deepEqual(acted, []);
  t.like(await bramble(socket, [...replace, 'worker-kube2', '--lose-data']), {
    code: 0,
    out: 'worker-kube1: accepted; it was worker-kube2\n',
  });
  t.deepEqual(acted, ['replace worker-kube1 with worker-kube2 by anna']);
});

const boards = (...states: readonly (readonly [state: string, model: string])[]): readonly DeviceView[] =>
  states.map(([state, model], index) => deviceFake(`worker-kube${index + 1}`, { state, model }));

test('selectors: every board of a model, or every board, whose state fits; each is named', async (t) => {
  const { socket, acted } = await daemonFake(
    t,
    boards(
      ['pending', 'pi4'],
      ['pending', 'pi3'],
      ['ready', 'pi4'],
      ['held', 'pi4'],
      ['failed', 'pi4'],
      ['seen', 'pi4'],
    ),
  );
  const asked = (args: readonly string[]) => bramble(socket, args);
  t.is((await asked(['accept', '--model', 'pi4', '--yes'])).out, 'worker-kube1: accepted\n');
  t.is((await asked(['accept', '--all', '--yes'])).out, 'worker-kube1: accepted\nworker-kube2: accepted\n');
  t.is((await asked(['reject', '--all', '--model', 'pi4'])).out, 'worker-kube1: rejected\nworker-kube4: rejected\n');
  t.is((await asked(['reinstall', '--all', '--yes'])).out, 'worker-kube3: reinstalled\n');
  t.is((await asked(['retry', '--all'])).err, 'bramble: worker-kube5 is failed: nothing to retry\n');
  const { length } = acted;
  t.like(await asked(['accept', '--model', 'cm5']), {
    code: 0,
    out: 'nothing to accept: no cm5 is pending\n',
    err: '',
  });
  for (const args of [
    ['accept', '--model', 'pi9'],
    ['accept', '--all', 'worker-kube1'],
    ['reject', '--model', 'pi4', 'worker-kube1'],
    ['reinstall'],
    ['wipe', '--all'],
    ['locate', '--all'],
  ]) {
    const ended = await asked(args);
    t.is(ended.code, 64, args.join(' '));
    t.regex(ended.err, /^error: /);
  }
  t.is(acted.length, length);
});

test('selectors that lose data ask, and name what would be lost; names that are given do not', async (t) => {
  const disk = (content: string) => ({ name: 'mmcblk0', type: 'sd', model: 'SC32G', bytes: 31_914_983_424, content });
  const pendings = boards(['pending', 'pi4'], ['pending', 'pi3'], ['pending', 'pi5']);
  const disks = new Map([['worker-kube1', disk('blank')] as const, ['worker-kube2', disk('foreign')] as const]);
  const { socket, acted } = await daemonFake(t, pendings, {}, disks);
  const alone = await bramble(socket, ['accept', '--all']);
  t.like(alone, { code: 64, out: '' });
  t.regex(alone.err, /--yes accepts without asking/);
  let question = '';
  const no = async (text: string) => {
    question = text;
    return 'no';
  };
  t.like(await bramble(socket, ['accept', '--all'], { ask: no }), { code: 1, err: 'bramble: nothing was accepted\n' });
  t.regex(question, /disk of worker-kube2 \(mmcblk0, sd, SC32G, 31\.9 GB: [^)]+\), worker-kube3 will be lost/);
  t.is(
    (await bramble(socket, ['reinstall', '--all'], { ask: no })).out,
    'nothing to reinstall: no board is ready or unreachable or waiting-for-proof or local-boot-failed\n',
  );
  t.deepEqual(acted, []);
  const yes = await bramble(socket, ['accept', '--all'], { ask: async () => 'yes' });
  t.is(yes.out.trimEnd().split('\n').length, 3);
  t.is((await bramble(socket, ['accept', 'worker-kube2'])).code, 0);
});

test('open: shows it, opens it for so many and so long, closes it; the status says so loudly', async (t) => {
  const { socket } = await daemonFake(t, [ready]);
  const shown = async (...args: readonly string[]) => (await bramble(socket, ['open', ...args])).out;
  t.regex(await shown(), /^closed: /);
  t.is(await shown('3'), 'open for 3 boards and 10m00s, asked by anna\n');
  t.is(await shown('1', '--for', '90s'), 'open for 1 board and 1m30s, asked by anna\n');
  t.is(await shown(), 'open for 1 board and 1m30s, asked by anna\n');
  t.deepEqual(JSON.parse(await shown('-o', 'json')), { open: { by: 'anna', boards: 1, secondsLeft: 90 } });
  const refused = await bramble(socket, ['open', '500', '--for', '2h']);
  t.like(refused, { code: 1, out: '', err: 'bramble: at most 32 boards an hour\n' });
  t.regex(await shown('0'), /^closed: /);
  t.deepEqual(JSON.parse(await shown('-o', 'json')), { open: null });
  for (const args of [['-1'], ['x'], ['1001'], ['2', '--for', '10'], ['2', '--for', '25h'], ['2', '--for', '0m']]) {
    t.is((await bramble(socket, ['open', ...args])).code, 64, args.join(' '));
  }
  const opened = await daemonFake(t, [ready], { open: { by: 'anna', boards: 3, secondsLeft: 599 } });
  const [head, second] = (await bramble(opened.socket, ['status'], { columns: 80 })).out.split('\n');
  t.regex(head ?? '', /admission auto {2}k3s reachable$/);
  t.is(second, 'open for 3 boards and 9m59s, asked by anna; bramble open 0 closes it');
  t.regex((await bramble('/nonexistent', ['open', '--help'])).out, /2h \(default: 10m\)/);
});

test('locate asks nothing', async (t) => {
  const { socket, acted } = await daemonFake(t, [ready, pending]);
  t.like(await bramble(socket, ['locate', 'worker-kube2']), {
    code: 0,
    out: 'worker-kube2: its light blinks for a minute\n',
  });
  t.deepEqual(acted, ['locate worker-kube2 by anna']);
});

test('reinstall and wipe ask first, and only a typed yes or --yes writes a disk or clears it', async (t) => {
  const { socket, acted } = await daemonFake(t, [ready, pending]);
  const unasked = await bramble(socket, ['reinstall', 'worker-kube1']);
  t.like(unasked, { code: 64, out: '' });
  t.regex(unasked.err, /nobody is there to be asked: --yes reinstalls without asking/);
  t.is((await bramble(socket, ['reinstall', '--yes', 'worker-kube1'])).out, 'worker-kube1: reinstalled\n');
  const asked: string[] = [];
  const answer = (text: string) => async (question: string) => {
    asked.push(question);
    return text;
  };
  for (const no of ['', 'no', 'y']) {
    const refused = await bramble(socket, ['wipe', 'worker-kube1', 'worker-kube2'], { ask: answer(no) });
    t.like(refused, { code: 1, out: '', err: 'bramble: nothing was wiped\n' });
  }
  t.regex(asked[0] ?? '', /^Everything on the disk of worker-kube1, worker-kube2 will be lost\. Type yes/);
  const alone = await bramble(socket, ['wipe', 'worker-kube1']);
  t.like(alone, { code: 64, out: '' });
  t.regex(alone.err, /nobody is there to be asked: --yes/);
  t.deepEqual(acted, ['reinstall worker-kube1 by anna']);
  t.is((await bramble(socket, ['wipe', 'worker-kube1'], { ask: answer('yes') })).code, 0);
  t.is((await bramble(socket, ['wipe', '--yes', 'worker-kube2'])).code, 0);
  t.deepEqual(acted.slice(1), ['wipe worker-kube1 by anna', 'wipe worker-kube2 by anna']);
});

test('--force goes to the daemon, and the question says what else may be lost', async (t) => {
  const { socket, acted } = await daemonFake(t, [ready, pending]);
  const asked: string[] = [];
  const ask = async (question: string): Promise<string> => {
    asked.push(question);
    return 'yes';
  };
  t.is((await bramble(socket, ['wipe', '--force', 'worker-kube1'], { ask })).code, 0);
  t.regex(asked[0] ?? '', /^Everything on the disk of worker-kube1 will be lost, and the cluster with it if/);
  for (const action of ['leave', 'reject']) t.is((await bramble(socket, [action, '--force', 'worker-kube1'])).code, 0);
  t.deepEqual(
    acted,
    ['wipe', 'leave', 'reject'].map((action) => `${action} worker-kube1 by anna by force`),
  );
  t.is((await bramble(socket, ['retry', '--force', 'worker-kube1'])).code, 64);
});

test('3 when the daemon is not there, 5 when it does not answer', async (t) => {
  const folder = await folderOf(t);
  const missing = await bramble(join(folder, 'nobody.sock'), ['status']);
  t.is(missing.code, 3);
  t.regex(missing.err, /is it running\?/);
  const silent = createServer();
  const socket = join(folder, 'silent.sock');
  await new Promise<void>((resolve) => silent.listen(socket, resolve));
  t.teardown(() => silent.close());
  t.is((await bramble('', ['--socket', socket, '--timeout', '1', 'status'])).code, 5);
  t.is((await bramble('', ['--socket', socket, '--timeout', '1', 'events', '-f'])).code, 5);
});

test('64 for what cannot be meant, 0 for help', async (t) => {
  for (const args of [
    ['frob'],
    ['status', '-o', 'xml'],
    ['status', '--frob'],
    ['describe'],
    ['accept'],
    ['--timeout', 'x'],
  ]) {
    const ended = await bramble('/nonexistent', args);
    t.is(ended.code, 64, args.join(' '));
    t.is(ended.out, '');
    t.regex(ended.err, /^error: /);
  }
  t.regex((await bramble('/nonexistent', ['frob'])).err, /unknown command 'frob'/);
  const help = await bramble('/nonexistent', ['--help']);
  t.is(help.code, 0);
  const names = [...help.out.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  t.true(names.length > 10);
  for (const name of [...names, 'cluster fetch', 'cluster install', 'cluster show']) {
    const { code, out } = await bramble('/nonexistent', [...name.split(' '), '--help'], { columns: 80 });
    t.is(code, 0, name);
    for (const line of out.split('\n')) t.true(line.length <= 80, `${name}: ${line}`);
  }
  const [daily = '', more = ''] = help.out.split('\nMore:\n');
  const commands = (screen: string): readonly string[] =>
    [...screen.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name);
  t.deepEqual(commands(daily.slice(daily.indexOf('Commands:'))), [
    ...['setup', 'status', 'describe', 'accept', 'reinstall', 'replace', 'shutdown', 'doctor', 'help'],
  ]);
  t.deepEqual(commands(more).toSorted(), [
    ...['backup', 'balance', 'cluster', 'completion', 'config', 'confirm', 'drain', 'events', 'failover', 'forget'],
    ...['image', 'kubeconfig', 'leave', 'locate', 'login', 'logs', 'open', 'reject', 'restore', 'retry', 'startup'],
    ...['support', 'uncordon', 'version', 'wipe'],
  ]);
});

test('version, with and without a daemon', async (t) => {
  const { socket } = await daemonFake(t, []);
  t.is((await bramble(socket, ['version'])).out, 'bramble 0.1.0\nbrambled 0.1.0\n');
  t.is((await bramble('/nonexistent', ['version'])).out, 'bramble 0.1.0\nbrambled not reachable\n');
});

test('as a process: plain text off a terminal, exit code to the shell', async (t) => {
  const { socket } = await daemonFake(t, [pending]);
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const { code, out } = await new Promise<{ code: unknown; out: string }>((resolve) => {
    execFile(process.execPath, [main, '--socket', socket], (error, stdout) =>
      resolve({ code: error?.code, out: stdout }),
    );
  });
  t.is(code, 2);
  t.false(out.includes('\x1b'));
  t.regex(out, /worker-kube2/);
});

test('login: the link, how long it can be used, and other ways to write the name', async (t) => {
  const { socket } = await daemonFake(t, [ready]);
  const { code, out } = await bramble(socket, ['login']);
  t.is(code, 0);
  t.is(
    out,
    [
      'Open this within 10 minutes; it works once:',
      '  http://master.local:8067/#code=a-code',
      'If your browser does not find that name:',
      '  http://192.168.1.10:8067/#code=a-code',
      '',
    ].join('\n'),
  );
  t.like(JSON.parse((await bramble(socket, ['login', '-o', 'json'])).out), { secondsLeft: 600 });
});
