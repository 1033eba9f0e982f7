import { randomBytes } from 'node:crypto';
import test from 'ava';
import { millis } from '../../../config/values.ts';
import { codeLife, createSessions, sessionLife } from '../../../daemon/http/sessions.ts';

function sessionsAt() {
  let now = 0;
  const pass = (time: number): void => {
    now += time;
  };
  return { pass, ...createSessions({ bytes: (length) => randomBytes(length), elapsed: () => millis(now) }) };
}
const CLIENT = '192.168.1.5';

test('a code is worth one session, once and for minutes', (t) => {
  const { invite, redeem, find, end, pass } = sessionsAt();
  const { code } = invite('anna');
  t.is(code.length, 43, '256 bits');
  const first = redeem(code, CLIENT);
  if (typeof first === 'string') return t.fail(first);
  t.like(find(first.token), { by: 'anna', left: sessionLife });
  t.not(find(first.token)?.csrf, first.token);
  t.is(redeem(code, CLIENT), 'unknown', 'used');
  const late = invite('anna').code;
  pass(codeLife);
  t.is(redeem(late, CLIENT), 'unknown', 'too old');
  t.is(find(code), undefined, 'a code is no cookie');
  end(first.token);
  t.is(find(first.token), undefined);
  return undefined;
});

test('a session ends by itself, and the oldest when there are too many; so do codes', (t) => {
  const { invite, redeem, find, pass } = sessionsAt();
  const open = (): string => {
    const opened = redeem(invite('anna').code, CLIENT);
    if (typeof opened === 'string') throw new Error(opened);
    return opened.token;
  };
  const tokens = Array.from({ length: 17 }, open);
  t.deepEqual(
    tokens.map((token) => find(token) === undefined),
    [true, ...Array.from({ length: 16 }, () => false)],
  );
  pass(sessionLife);
  t.true(tokens.every((token) => find(token) === undefined));
  const codes = Array.from({ length: 9 }, () => invite('ben').code);
  t.is(redeem(codes[0] ?? '', CLIENT), 'unknown');
  t.not(redeem(codes[1] ?? '', CLIENT), 'unknown');
});

test('who is wrong ten times waits, and nobody else does', (t) => {
  const { invite, redeem, pass } = sessionsAt();
  for (let guess = 0; guess < 10; guess += 1) t.is(redeem(`guess-${guess}`, CLIENT), 'unknown');
  const { code } = invite('anna');
  t.is(redeem(code, CLIENT), 'guessed');
  pass(60_000);
  t.is(redeem('another', CLIENT), 'unknown', 'one more a minute');
  t.is(redeem(code, CLIENT), 'guessed');
  t.is(typeof redeem(code, '192.168.1.6'), 'object');
  t.is(redeem(code, '192.168.1.6'), 'unknown');
});
