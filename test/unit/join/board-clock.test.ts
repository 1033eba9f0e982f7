import test from 'ava';
import { ok, problem } from '../../../config/result.ts';
import { instant } from '../../../config/values.ts';
import { setClock } from '../../../daemon/join/board-clock.ts';
import type { RunResult, SshSession } from '../../../daemon/join/driver.ts';

const now = instant(Date.UTC(2026, 5, 1));
const clock = { now: () => now };
const earliest = instant(Date.UTC(2026, 0, 1));

function board(told: string, set: Partial<RunResult> = {}) {
  const asked: string[] = [];
  const run: SshSession['run'] = async (program, args) => {
    asked.push([program, ...args].join(' '));
    const isRead = args.includes('+%s');
    return ok({ code: 0, stdout: isRead ? `${told}\n` : '', stderr: '', ...(isRead ? {} : set) });
  };
  const put = async () => problem('SSH_CLOSED', 'nothing is put anywhere');
  return { asked, session: { run, putFile: put, putBytes: put } };
}

for (const [what, offset, isSet] of [
  ['right', 0, false],
  ['30 s off, which is no harm', -29, false],
  ['a minute behind', -60, true],
  ['a minute ahead', 60, true],
  ['of 1970', -now / 1000, true],
] as const) {
  test(`a board's clock that is ${what}`, async (t) => {
    const { asked, session } = board(String(now / 1000 + offset));
    t.deepEqual(await setClock(session, { clock, earliest }), ok(undefined));
    t.deepEqual(asked, ['date -u +%s', ...(isSet ? [`date -u -s @${now / 1000}`] : [])]);
  });
}

test('our own clock is never handed on where it is wrong itself, and the board is not even asked', async (t) => {
  const { asked, session } = board(String(now / 1000));
  const end = await setClock(session, { clock, earliest: instant(now + 1) });
  t.is(end.ok ? '' : end.error.code, 'CLOCK_WRONG');
  t.regex(end.ok ? '' : end.error.detail, /master's clock says 2026-06-01T00:00:00Z.*set the time/);
  t.deepEqual(asked, []);
});

test('nonsense is no time, and a time that cannot be set is told', async (t) => {
  const nonsense = await setClock(board('Mon Jun').session, { clock, earliest });
  t.is(nonsense.ok ? '' : nonsense.error.code, 'CLOCK_UNREADABLE');
  const locked = await setClock(board('0', { code: 1, stderr: 'Operation not permitted' }).session, {
    clock,
    earliest,
  });
  t.deepEqual(locked, problem('CLOCK_NOT_SET', 'its clock says 1970-01-01T00:00:00.000Z: Operation not permitted'));
});
