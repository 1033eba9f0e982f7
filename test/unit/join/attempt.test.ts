/** Many boards at once, without a network: what one join does to the others. */
import test from 'ava';
import { must, ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { minutes, parseDeviceId, parseHostname, parseIpv4, seconds } from '../../../config/values.ts';
import { attemptJoin } from '../../../daemon/join/attempt.ts';
import type { JoinCluster, JoinedNode } from '../../../daemon/join/cluster-port.ts';
import type { JoinBoard, SshSession, StepProblem, TokenDriver } from '../../../daemon/join/driver.ts';
import { semaphore } from '../../../daemon/join/semaphore.ts';
import { stepDeadlines } from '../../../daemon/join/steps.ts';
import { createClockDouble, createRandomDouble } from '../../support/doubles.ts';
import { clusterDouble } from './cluster-double.ts';

const never = new Promise<never>(() => undefined);
const { signal } = new AbortController();
const untouched = async () => {
  throw new Error('the driver is a double and touches no board');
};
const session: SshSession = { run: untouched, putFile: untouched, putBytes: untouched };

const boardNumber = (number: number): JoinBoard => ({
  id: must(parseDeviceId(`d-${number.toString(16).padStart(12, '0')}`)),
  name: must(parseHostname(`worker-kube${number}`)),
  address: must(parseIpv4(`10.77.0.${100 + number}`)),
  ...{ fixedAddress: true, hostKeys: [], nodePassword: 'ab'.repeat(16), serials: [], labels: {} },
});

/** Each board takes a minute of transfer and a minute of joining; its Node is there when that is over (double). */
function begin(change: (board: JoinBoard) => Partial<TokenDriver> = () => ({}), besides: Partial<JoinCluster> = {}) {
  const clock = createClockDouble();
  const { cluster, tokens } = clusterDouble();
  const nodes = new Map<string, JoinedNode>();
  const listeners = new Set<() => void>();
  const transfers = semaphore(8);
  let [transferring, most] = [0, 0];
  const register = (board: JoinBoard): void => {
    const { name, address: internalIp, id: device } = board;
    nodes.set(name, { name, uid: `u-${name}`, ready: false, internalIp, device });
    for (const listener of listeners) listener();
  };
  const driverOf = (board: JoinBoard): TokenDriver => ({
    ...{ name: 'k3s', needsToken: true, tokenGroups: 'g', certificateRequests: false },
    nodeName: ({ name }) => name,
    probe: async () => ok('absent'),
    leave: async () => ok(undefined),
    install: async (_session, _board, { transfer, signal: mine }) => {
      await transfer(async () => {
        transferring += 1;
        most = Math.max(most, transferring);
        await clock.sleep(minutes(1), mine).finally(() => {
          transferring -= 1;
        });
      });
      return ok(undefined);
    },
    join: async (_session, _board, _token, { signal: mine }) => {
      await clock.sleep(minutes(1), mine);
      register(board);
      return ok(undefined);
    },
    verify: async () => ok(undefined),
    ...change(board),
  });
  const ends = new Map<string, Result<string, StepProblem>>();
  const start = (number: number): Promise<unknown> => {
    const board = boardNumber(number);
    return attemptJoin({
      cluster: {
        ...cluster,
        ...besides,
        node: (name) => nodes.get(name),
        onNodes: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      },
      approver: { expect: () => () => undefined, done: Promise.resolve() },
      ...{ clock, random: createRandomDouble(number), transfers, hashing: semaphore(1), run: 'r' },
      ...{ settle: seconds(15), driver: driverOf(board), session, board, signal },
    }).then((end) => ends.set(board.name, end));
  };
  return { clock, tokens, start, ends, most: () => most };
}

test('50 boards at once: eight transfer at a time, all are joined', async (t) => {
  const it = begin();
  const all = Array.from({ length: 50 }, (_, index) => it.start(index + 1));
  // Seven rounds of a minute, and the last round's join.
  await it.clock.advance(minutes(8));
  await Promise.all(all);
  t.is(it.most(), 8);
  t.is(it.ends.size, 50);
  for (const [name, end] of it.ends) t.deepEqual(end, ok(`u-${name}`));
});

test('nine of 50 hang in their transfers, three in their joins: they are cut, the other 38 go on', async (t) => {
  const hangs = (board: JoinBoard): Partial<TokenDriver> => {
    const number = Number(board.name.slice('worker-kube'.length));
    if (number <= 9) return { install: (_session, _board, { transfer }) => transfer(() => never) };
    return number <= 12 ? { join: () => never } : {};
  };
  const it = begin(hangs);
  // The hung come first, and hold every place there is.
  const all = Array.from({ length: 50 }, (_, index) => it.start(index + 1));
  await it.clock.advance(stepDeadlines.install);
  t.is(it.ends.size, 8, 'eight are cut');
  await it.clock.advance(minutes(10));
  t.is([...it.ends.values()].filter((end) => end.ok).length, 38, 'the others have joined meanwhile, beside the ninth');
  await it.clock.advance(stepDeadlines.install);
  await Promise.all(all);
  const failed = [...it.ends].filter(([, end]) => !end.ok);
  t.is(failed.length, 12);
  for (const [name, end] of failed) t.is(end.ok ? '' : end.error.code, 'STEP_TIMEOUT', name);
});

test('a Node that never appears is told after its time', async (t) => {
  const missing = begin(() => ({ join: async () => ok(undefined) }));
  const waiting = missing.start(1);
  await missing.clock.advance(minutes(5));
  t.is(missing.ends.size, 0);
  await missing.clock.advance(minutes(1));
  await waiting;
  t.like(missing.ends.get('worker-kube1'), { error: { code: 'NODE_MISSING' } });
});

test('who registered under the name of a board while that was installed is not joined upon, nor robbed of his node password', async (t) => {
  const thief: JoinedNode = {
    name: 'worker-kube1',
    uid: 'u-1',
    ready: true,
    internalIp: '10.77.0.9',
    device: undefined,
  };
  const done: string[] = [];
  let there: JoinedNode | undefined;
  const it = begin(
    () => ({
      install: async () => {
        there = thief;
        return ok(undefined);
      },
      secretsOf: (name) => [`${name}.node-password.k3s`],
      join: async () => {
        done.push('joined');
        return ok(undefined);
      },
    }),
    {
      readNode: async () => ok(there),
      request: async (method, path) => {
        done.push(`${method} ${path}`);
        return ok({ items: [] });
      },
    },
  );
  await it.start(1);
  t.like(it.ends.get('worker-kube1'), { error: { code: 'NODE_NAME_TAKEN' } });
  t.deepEqual(done, []);
});

/** A driver that reserves names, in a cluster that writes down what it is asked (double). */
function reserving(answer: (made: number) => Result<unknown, Problem> = () => ok({}), node?: JoinedNode) {
  const done: string[] = [];
  let made = 0;
  const it = begin(
    () => ({
      secretsOf: (name) => [`${name}.lock`],
      nameSecret: async ({ name }) => ({ metadata: { name: `${name}.lock` } }),
      install: async () => {
        done.push('installed');
        return ok(undefined);
      },
    }),
    {
      readNode: async () => ok(node),
      deleteNode: async (name) => {
        done.push(`delete Node ${name}`);
        return ok(undefined);
      },
      request: async (method, path, { body }) => {
        const { metadata }: { metadata?: { name?: string } } = Object(body ?? {});
        const isLock = metadata?.name?.endsWith('.lock') === true;
        const what = metadata?.name?.replace(/-token-.*/, '-token') ?? path.split('/').at(-1);
        done.push(`${method} ${what}`);
        if (!isLock) return ok({ items: [] });
        made += 1;
        return answer(made);
      },
    },
  );
  return { ...it, done };
}

test('the name is the board’s before it installs, and anew before there is a token', async (t) => {
  const it = reserving();
  const joining = it.start(1);
  await it.clock.advance(minutes(1));
  await joining;
  const lock = 'worker-kube1.lock';
  t.deepEqual(it.done, [`POST ${lock}`, 'installed', ...[`DELETE ${lock}`, `POST ${lock}`], 'POST bootstrap-token']);
  t.deepEqual(it.ends.get('worker-kube1'), ok('u-worker-kube1'));
});

test('an old Node of the board’s has its name until that Node is deleted', async (t) => {
  const { id: device, address: internalIp, name } = boardNumber(1);
  const taken = (made: number) => (made === 1 ? problem('API_CONFLICT', 'there') : ok({}));
  const it = reserving(taken, { name, uid: 'old', ready: false, internalIp, device });
  const joining = it.start(1);
  await it.clock.advance(minutes(1));
  await joining;
  t.deepEqual(it.done.slice(1, 5), ['installed', `delete Node ${name}`, `DELETE ${name}.lock`, `POST ${name}.lock`]);
  t.deepEqual(it.ends.get(name), ok(`u-${name}`));
});

test('somebody else is faster, or the cluster does not let us: there is no token', async (t) => {
  const conflict = problem('API_CONFLICT', 'there');
  const faster = reserving((made) => (made === 1 ? ok({}) : conflict));
  await faster.start(1);
  t.like(faster.ends.get('worker-kube1'), { error: { code: 'NAME_CONTESTED' } });
  t.false(faster.done.includes('POST bootstrap-token'));
  const forbidden = reserving(() => problem('API_FORBIDDEN', '403'));
  await forbidden.start(1);
  t.like(forbidden.ends.get('worker-kube1'), { error: { code: 'API_FORBIDDEN' } });
  t.deepEqual(forbidden.done, ['POST worker-kube1.lock']);
});

test('however a join fails after it began on the board, what it started there is stopped', async (t) => {
  const failing: Readonly<Record<string, Partial<TokenDriver>>> = {
    STEP_TIMEOUT: { join: () => never },
    X: { join: async () => problem('X', 'no') },
    Y: { verify: async () => problem('Y', 'no') },
    NODE_MISSING: { join: async () => ok(undefined) },
  };
  for (const [code, change] of Object.entries(failing)) {
    const stopped: string[] = [];
    const giveUp: TokenDriver['giveUp'] = async () => {
      stopped.push(code);
      return problem('SSH_CLOSED', 'what is told is the first');
    };
    const it = begin(() => ({ ...change, giveUp }));
    const joining = it.start(1);
    await it.clock.advance(minutes(15));
    await joining;
    t.like(it.ends.get('worker-kube1'), { error: { code } });
    t.deepEqual(stopped, [code]);
  }
  const stopped: string[] = [];
  const giveUp: TokenDriver['giveUp'] = async () => {
    stopped.push('needlessly');
    return ok(undefined);
  };
  const early = begin(() => ({ giveUp, install: async () => problem('Z', 'no') }));
  const fine = begin(() => ({ giveUp }));
  const both = [early.start(1), fine.start(1)];
  for (const { clock } of [early, fine]) await clock.advance(minutes(3));
  await Promise.all(both);
  t.true(fine.ends.get('worker-kube1')?.ok);
  t.deepEqual(stopped, []);
});

test('what a driver tells never holds the token', async (t) => {
  let secret = '';
  const it = begin(() => ({
    join: async (_session, _board, token) => {
      secret = token.secret;
      return { ok: false, error: { code: 'X', detail: `no ${secret}`, output: `${'ab'.repeat(16)} and ${secret}` } };
    },
  }));
  const joining = it.start(1);
  await it.clock.advance(minutes(1));
  await joining;
  t.is(secret.length, 16);
  t.deepEqual(it.ends.get('worker-kube1'), {
    ok: false,
    error: { code: 'X', detail: 'no …', output: '… and …' },
  });
});
