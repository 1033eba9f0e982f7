import test, { type ExecutionContext } from 'ava';
import { instant } from '../../../config/values.ts';
import type { Log } from '../../../daemon/ports.ts';
import { createLog, type Level } from '../../../daemon/system/log.ts';
import { createLogDouble } from '../../support/doubles.ts';

const clock = { now: () => instant(Date.UTC(2025, 4, 6, 7, 8, 9, 10)) };

function recorded(options: { level?: Level; format?: 'json' | 'human'; tty?: boolean; priorities?: boolean } = {}) {
  const lines: string[] = [];
  const stream = { isTTY: options.tty ?? false, write: (text: string) => lines.push(text) };
  const { level = 'debug', format, priorities = false } = options;
  const log = createLog({ stream, level, priorities, clock, ...(format === undefined ? {} : { format }) });
  return { log, lines, parsed: (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line)) };
}

type Subject = { readonly log: Log; readonly seen: () => readonly Record<string, unknown>[] };
const subjects: Readonly<Record<string, () => Subject>> = {
  'the log': () => {
    const { log, parsed } = recorded();
    return { log, seen: () => parsed().map(({ time: _, ...rest }) => rest) };
  },
  'the double': () => {
    const log = createLogDouble();
    return { log, seen: () => log.records.map(({ level, message, fields }) => ({ ...fields, level, message })) };
  },
};
const contract: Readonly<Record<string, (t: ExecutionContext, subject: Subject) => void>> = {
  'writes message, level and fields in order': (t, { log, seen }) => {
    log.debug('one');
    log.info('two', { mac: 'm' });
    log.warn('three', { n: 3 });
    log.error('four', { list: [1, 2] });
    t.deepEqual(seen(), [
      { level: 'debug', message: 'one' },
      { level: 'info', message: 'two', mac: 'm' },
      { level: 'warn', message: 'three', n: 3 },
      { level: 'error', message: 'four', list: [1, 2] },
    ]);
  },
  'a child adds its fields, the nearest wins': (t, { log, seen }) => {
    log.child({ mac: 'm', state: 'seen' }).child({ state: 'ready' }).info('x', { xid: 1 });
    t.deepEqual(seen(), [{ level: 'info', message: 'x', mac: 'm', state: 'ready', xid: 1 }]);
  },
};
for (const [name, subject] of Object.entries(subjects)) {
  for (const [promise, check] of Object.entries(contract)) test(`${name}: ${promise}`, (t) => check(t, subject()));
}

test('a line is JSON with the time, and ends with a line feed', (t) => {
  const { log, lines, parsed } = recorded();
  log.info('hello', { message: 'not this one' });
  t.regex(lines.join(''), /^\{.*\}\n$/);
  t.deepEqual(parsed(), [{ time: '2025-05-06T07:08:09.010Z', level: 'info', message: 'hello' }]);
});

test('less than the level is not written', (t) => {
  const { log, lines } = recorded({ level: 'warn' });
  log.debug('no');
  log.info('no');
  log.warn('yes');
  log.error('yes');
  t.is(lines.length, 2);
});

test('secrets are redacted at any depth, by the name of the field', (t) => {
  const { log, lines, parsed } = recorded();
  const hidden = {
    token: 'S',
    password: 'S',
    privateKey: 'S',
    secret: 'S',
    key: 'S',
    joinToken: 'S',
    cluster_key: 'S',
  };
  log.info('x', { ...hidden, deep: { list: [{ Password: 'S' }] }, keyPath: '/etc/key', keys: 2, monkey: 'm' });
  t.false(lines.join('').includes('"S"'));
  t.like(parsed()[0], {
    token: '«redacted»',
    deep: { list: [{ Password: '«redacted»' }] },
    keyPath: '/etc/key',
    keys: 2,
  });
});

test('errors show code, stack and cause; bytes are hex; nothing throws', (t) => {
  const { log, parsed } = recorded();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const cause = new Error('disk');
  const error = Object.assign(new Error('commit', { cause }), { code: 'STORE_FULL' });
  log.error('x', { error, circular, bytes: Uint8Array.of(1, 255), big: 10n, call: () => 1, nothing: undefined });
  t.like(parsed()[0], {
    error: { name: 'Error', code: 'STORE_FULL', message: 'commit', cause: { message: 'disk' } },
    bytes: '01ff',
    big: '10',
  });
});

test('on a terminal: one short line, and control characters of strangers stay harmless', (t) => {
  const { log, lines } = recorded({ tty: true });
  log.info('board seen', { name: 'kube1', hostname: 'a\u001b[2Jb\nc', text: 'two words', c1: '\u009b' });
  t.deepEqual(lines, [
    '07:08:09.010 INFO  board seen name=kube1 hostname="a\\u001b[2Jb\\nc" text="two words" c1=\\u{9b}\n',
  ]);
});

test('long texts are cut', (t) => {
  const { log, lines } = recorded();
  log.info('x', { text: 'y'.repeat(100_000), list: Array.from({ length: 10_000 }, () => 1) });
  t.true(lines.join('').length < 6000);
});

test('with priorities each line begins as journald wants it', (t) => {
  const { log, lines } = recorded({ priorities: true });
  log.warn('x');
  log.debug('y');
  t.deepEqual(
    lines.map((line) => line.slice(0, 4)),
    ['<4>{', '<7>{'],
  );
});

test('the double tells when a message comes', async (t) => {
  const log = createLogDouble();
  const soon = log.when('later');
  log.child({ a: 1 }).info('later');
  t.deepEqual(await soon, { level: 'info', message: 'later', fields: { a: 1 } });
  t.deepEqual(await log.when('later'), { level: 'info', message: 'later', fields: { a: 1 } });
  t.is(log.find('never'), undefined);
});

test('a complaint that anybody can cause is written sixty times a minute; what is not written is counted', (t) => {
  const lines: string[] = [];
  let now = Date.UTC(2025, 4, 6);
  const stream = { write: (text: string) => lines.push(text) };
  const log = createLog({ stream, level: 'debug', clock: { now: () => instant(now) } });
  for (let count = 0; count < 1000; count++) {
    log.warn('no address for this board', { count });
    log.info('board moved', { count });
  }
  t.is(lines.filter((line) => line.includes('no address')).length, 60);
  t.is(lines.filter((line) => line.includes('board moved')).length, 1000);
  now += 60_000;
  log.warn('no address for this board');
  t.is(JSON.parse(lines.at(-1) ?? '').suppressed, 940);
});
