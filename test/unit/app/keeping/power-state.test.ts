import test from 'ava';
import { ok, type Problem, problem, type Result } from '../../../../config/result.ts';
import { createPowerState } from '../../../../daemon/app/keeping/power-state.ts';
import type { PowerState } from '../../../../daemon/cluster/failover/signs.ts';
import { createLogDouble } from '../../../support/doubles.ts';

const { signal } = new AbortController();

test('one program for a board and four in all; what cannot be asked now is unknown', async (t) => {
  const asked = new Map<string, (told: Result<PowerState, Problem>) => void>();
  const ask = (board: string) =>
    new Promise<Result<PowerState, Problem>>((resolve) => {
      if (asked.has(board)) t.fail(`${board} was asked twice at a time`);
      asked.set(board, resolve);
    });
  const power = createPowerState({ ask, log: createLogDouble() });
  const answers = ['a', 'b', 'c', 'd', 'a', 'e'].map((board) => power(board, signal));
  t.deepEqual([...asked.keys()], ['a', 'b', 'c', 'd']);
  t.is(await answers[5], 'unknown');
  for (const [board, tell] of asked) tell(ok(board === 'a' ? 'off' : 'on'));
  t.deepEqual(await Promise.all(answers.slice(0, 5)), ['off', 'on', 'on', 'on', 'off']);
  asked.clear();
  const again = power('a', signal);
  asked.get('a')?.(ok('on'));
  t.is(await again, 'on');
});

test('a command that fails is told once, until it works again', async (t) => {
  const log = createLogDouble();
  const failed = problem('POWER_COMMAND_FAILED', 'ended with 1');
  const told: Result<PowerState, Problem>[] = [failed, failed, ok('off'), failed];
  const power = createPowerState({ ask: async () => told.shift() ?? ok('on'), log });
  const heard: PowerState[] = [];
  for (let count = 0; count < 4; count++) heard.push(await power('a', signal));
  t.deepEqual(heard, ['unknown', 'unknown', 'off', 'unknown']);
  t.is(log.records.length, 2);
  const throwing = createPowerState({ ask: () => Promise.reject(new Error('no such program')), log });
  t.is(await throwing('a', signal), 'unknown');
});
