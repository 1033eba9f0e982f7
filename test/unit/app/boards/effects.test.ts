import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must, ok, type Problem, problem, type Result } from '../../../../config/result.ts';
import { parseIpv4, parseMac, seconds } from '../../../../config/values.ts';
import { effectDesk } from '../../../../daemon/app/boards/effects.ts';
import type { SshProblem } from '../../../../daemon/join/driver.ts';
import type { JoinBoard, Joiner, LeavingBoard } from '../../../../daemon/join/index.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import type { Change } from '../../../../daemon/lifecycle/runner.ts';
import { aDevice, aHeardDevice, MAC, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const notAsked = () => Promise.reject(new Error('not asked'));
const ip = (last: number) => must(parseIpv4(`10.77.0.${last}`));
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A joiner that is asked where to and waits until it is told to go on (double), and one board. */
function desk(t: ExecutionContext, first: Device, { hostKey = 'ssh-ed25519 AAAA' }: { hostKey?: string | null } = {}) {
  const config = parseConfig('');
  if (!config.ok) throw new Error('no configuration');
  const clock = createClockDouble();
  let now = first;
  let hasRival = false;
  const listeners = new Set<(change: Change) => void>();
  const asked: string[] = [];
  const answers: ((end?: Result<void, SshProblem>) => void)[] = [];
  const work =
    (what: string) =>
    (board: LeavingBoard, ...rest: readonly unknown[]) => {
      asked.push(`${what} ${board.address}${board.fixedAddress ? ', for good' : ''}`);
      const signal = rest.find((one) => one instanceof AbortSignal);
      return new Promise<Result<void, SshProblem>>((resolve, reject) => {
        answers.push((end = ok(undefined)) => resolve(end));
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    };
  const joiner: Joiner = {
    awaitSsh: (board: JoinBoard, _deadline, signal) => work('ssh')(board, signal),
    join: work('join'),
    release: work('release'),
    leave: work('leave'),
    onBoard: work('shell'),
    lookFrom: async () => ok(undefined),
    switchOff: work('off'),
    done: Promise.resolve(),
  };
  const log = createLogDouble();
  const execute = effectDesk({
    ...{ config: config.value, clock, log, joiner, cluster: { reachable: async () => ok('v1.34.2') } },
    images: { make: async () => ({ event: 'image-made', arming: 'a1' }) } as never,
    carriesCluster: () => false,
    labels: { keep: async () => ok(undefined), restore: async () => ok(undefined) },
    boards: () => [now],
    boardNow: () => now,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    decideAdmission: notAsked,
    adopt: notAsked,
    planned: { drain: notAsked, stop: notAsked },
    keys: { accepted: () => (hostKey === null ? [] : [hostKey]), nodePassword: async () => 'ab'.repeat(16) },
    hasRival: () => hasRival,
    hardwareAddressOf: async () => MAC,
    startInstaller: (board) => startInstaller(board),
    correctBootOrder: async () => undefined,
  });
  const tries: Result<void, Problem>[] = [];
  const tried: string[] = [];
  const startInstaller = async (board: JoinBoard): Promise<Result<void, Problem>> => {
    tried.push(board.address);
    return tries.shift() ?? ok(undefined);
  };
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const hear = async (last: number): Promise<void> => {
    const before = now;
    now = aHeardDevice(now.state, { address: ip(last) });
    for (const listener of [...listeners]) listener({ before, after: now });
    await settled();
  };
  const rival = (is: boolean): void => {
    hasRival = is;
  };
  return { execute, asked, answers, hear, stop, listeners, clock, log, rival, tries, tried };
}

test('beside a router SSH waits until the board was heard, and goes where it went', async (t) => {
  const board = aHeardDevice(states.starting);
  const { execute, asked, answers, hear, stop, listeners } = desk(t, board);
  const answered = execute['await-ssh'](board, stop.signal);
  await settled();
  t.deepEqual(asked, [], 'nobody knows where it is');
  await hear(23);
  await hear(23);
  t.deepEqual(asked, ['ssh 10.77.0.23']);
  await hear(24);
  t.deepEqual(asked, ['ssh 10.77.0.23', 'ssh 10.77.0.24']);
  answers.at(-1)?.();
  t.deepEqual(await answered, { event: 'ssh-answered' });
  t.is(listeners.size, 0);
});

test('an aborted effect ends, wherever it is', async (t) => {
  for (const board of [aHeardDevice(states.starting), aHeardDevice(states.starting, { address: ip(23) })]) {
    const { execute, stop, listeners } = desk(t, board);
    const answered = execute['await-ssh'](board, stop.signal);
    await settled();
    stop.abort(new Error('moved on'));
    await t.throwsAsync(answered, { message: 'moved on' });
    t.is(listeners.size, 0);
  }
});

test('a permanent address is the board’s at once', async (t) => {
  const board = aDevice(states.joining);
  const { execute, asked, stop } = desk(t, board);
  execute.join(board, stop.signal)?.catch(() => undefined);
  await settled();
  t.deepEqual(asked, ['join 10.77.0.100, for good']);
});

test('a rejected board whose address is not known leaves all the same', async (t) => {
  const board = aHeardDevice(states.rejected);
  const { execute, asked, answers, stop } = desk(t, board);
  const left = execute.leave(board, stop.signal);
  await settled();
  t.deepEqual(asked, ['leave undefined']);
  answers[0]?.();
  t.deepEqual(await left, { event: 'left' });
});

test('no image is made while another device answers for the board’s address, and then it is', async (t) => {
  const board = aDevice(states.accepted);
  const { execute, stop, clock, rival } = desk(t, board);
  rival(true);
  let made: unknown;
  const making = execute['make-image'](board, stop.signal).then((event) => {
    made = event;
  });
  await clock.advance(seconds(60));
  t.is(made, undefined);
  rival(false);
  await clock.advance(seconds(10));
  await making;
  t.deepEqual(made, { event: 'image-made', arming: 'a1' });
  rival(true);
  const again = execute['make-image'](board, stop.signal);
  stop.abort(new Error('rejected'));
  await t.throwsAsync(again, { message: 'rejected' });
});

test('the installer is tried over SSH every minute for as long as it is wanted; only what is news is told', async (t) => {
  const board = aDevice(states.reinstalling);
  const { execute, stop, clock, tries, tried } = desk(t, board);
  const silence = problem('SSH_TIMEOUT', 'silence');
  tries.push(silence, silence, silence, problem('BOOT_FULL', 'no room'), ok(undefined));
  const failure = { event: 'installer-start-failed', code: 'SSH_TIMEOUT', detail: 'silence' };
  t.deepEqual(await execute['start-installer'](board, stop.signal), failure as never);
  const waiting = aDevice({
    ...states.reinstalling,
    start: { step: 'waiting', restarts: 0, code: 'SSH_TIMEOUT', detail: 'silence' },
  });
  let end: unknown;
  const running = execute['start-installer'](waiting, stop.signal).then((event) => {
    end = event;
  });
  await clock.advance(seconds(59));
  t.is(tried.length, 1, 'a minute is left before the next try');
  await clock.advance(seconds(120));
  t.is(end, undefined, 'the same again is no news');
  await clock.advance(seconds(60));
  await running;
  t.deepEqual(end, { event: 'installer-start-failed', code: 'BOOT_FULL', detail: 'no room' });
  t.deepEqual(await execute['start-installer'](board, stop.signal), { event: 'installer-started' });
  t.deepEqual(new Set(tried), new Set(['10.77.0.100']));
});

test('over SSH nothing is tried on a board that never had a system of ours; it is said once', async (t) => {
  const { execute, stop, tried, clock } = desk(t, aDevice(states.reinstalling), { hostKey: null });
  for (const state of [states.reinstalling, states.wiping]) {
    const failure = await execute['start-installer'](aDevice(state), stop.signal);
    t.like(failure, { event: 'installer-start-failed', code: 'NO_HOST_KEY' });
    t.regex(failure !== undefined && 'detail' in failure ? failure.detail : '', /insert a join card/);
  }
  const start = { step: 'waiting', restarts: 0, code: 'NO_HOST_KEY', detail: '' } as const;
  const waiting = aDevice({ ...states.reinstalling, start });
  t.is(await execute['start-installer'](waiting, stop.signal), undefined);
  t.deepEqual([tried, clock.sleepers()], [[], []]);
});

test('a board is known by the hardware that showed its host key: of its card, or of another network adapter', async (t) => {
  for (const [macs, known] of [
    [[], { mac: MAC }],
    [[must(parseMac('02:00:00:0b:ad:01'))], { mac: MAC }],
    [[MAC], {}],
  ] as const) {
    for (const state of [{ name: 'starting', card: true }, states.starting, states['local-boot-failed']] as const) {
      const board = aDevice(state, { macs, deadline: undefined });
      const { execute, answers, stop } = desk(t, board);
      const answered = execute['await-ssh'](board, stop.signal);
      await settled();
      answers[0]?.();
      t.deepEqual(await answered, { event: 'ssh-answered', ...known }, state.name);
    }
  }
});

test('the system of an installation is looked for while that goes on, and after it was given up', async (t) => {
  const { report, arming } = states.installing;
  const givenUp = {
    name: 'failed',
    code: 'INSTALL_TIMEOUT',
    detail: '',
    resume: { at: 'install', report, arming },
  } as const;
  for (const state of [states.installing, givenUp]) {
    const board = aDevice(state);
    const { execute, asked, answers, stop } = desk(t, board);
    const found = execute['find-installed'](board, stop.signal);
    await settled();
    answers[0]?.();
    await settled();
    t.deepEqual(asked, ['ssh 10.77.0.100, for good', 'shell 10.77.0.100, for good']);
    answers[1]?.();
    t.deepEqual(await found, { event: 'ssh-answered' });
  }
  const board = aDevice(states.failed);
  const { execute, asked, stop } = desk(t, board);
  t.is(await execute['find-installed'](board, stop.signal), undefined);
  t.deepEqual(asked, []);
});

const foreign = problem('SSH_HOST_KEY_CHANGED', 'Host denied');
const changed = { event: 'host-key-changed', detail: 'Host denied' };

test('a foreign host key while a board starts is waited out, and loudly told once that has taken too long', async (t) => {
  const board = aDevice(states.starting);
  const { execute, answers, stop, log } = desk(t, board);
  const first = execute['await-ssh'](board, stop.signal);
  await settled();
  answers[0]?.(foreign);
  t.deepEqual(await first, changed as never);
  t.is(log.find('a board shows a host key that is not its own')?.level, 'error');
  const second = execute['await-ssh'](board, stop.signal);
  await settled();
  answers[1]?.(problem('SSH_REFUSED', 'refused'));
  await settled();
  answers[2]?.();
  t.deepEqual(await second, { event: 'ssh-answered' }, 'one that does not answer has the whole time of its state');
});

test('the old system of a board whose card is not in yet is no reason to give the card up', async (t) => {
  const board = aDevice({ name: 'starting', card: true }, { deadline: undefined });
  const { execute, answers, stop, log } = desk(t, board);
  const waiting = execute['await-ssh'](board, stop.signal);
  await settled();
  answers[0]?.(foreign);
  await settled();
  answers[1]?.();
  t.like(await waiting, { event: 'ssh-answered' });
  t.deepEqual(log.records, []);
});

test('once it has shown its key, a foreign one ends its join, and its release, at once', async (t) => {
  for (const [state, effect] of [
    [states.joining, 'join'],
    [states.ready, 'release-quarantine'],
  ] as const) {
    const board = aDevice(state);
    const { execute, answers, stop, log } = desk(t, board);
    const end = execute[effect](board, stop.signal);
    await settled();
    answers[0]?.(foreign);
    t.deepEqual(await end, changed as never);
    t.truthy(log.find('a board shows a host key that is not its own'));
  }
});

test('a disk in another Pi is told loudly, and its board is not released', async (t) => {
  const board = aDevice(states.ready);
  const { execute, answers, stop, log } = desk(t, board);
  const end = execute['release-quarantine'](board, stop.signal);
  await settled();
  answers[0]?.(problem('SERIAL_DIFFERS', 'another Pi') as never);
  t.deepEqual(await end, { event: 'join-failed', code: 'SERIAL_DIFFERS', detail: 'another Pi' });
  t.truthy(log.find('the disk of a board is in another Pi'));
});

test('another try waits for the board to answer again', async (t) => {
  const board = aDevice({ name: 'joining', attempt: 2 });
  const { execute, asked, answers, stop, clock } = desk(t, board);
  const joining = execute.join(board, stop.signal);
  await clock.advance(seconds(4));
  t.deepEqual(asked, ['ssh 10.77.0.100, for good']);
  answers[0]?.();
  await settled();
  await settled();
  answers[1]?.(problem('SSH_CLOSED', 'gone'));
  t.deepEqual(await joining, { event: 'join-failed', code: 'SSH_CLOSED', detail: 'gone' });
});
