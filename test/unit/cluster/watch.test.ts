import test from 'ava';
import { millis, minutes, seconds } from '../../../config/values.ts';
import { event, list, node, says, status, watchDouble } from './api-double.ts';

const cut = (...texts: readonly string[]) => {
  const say = says(...texts);
  return (response: Parameters<typeof say>[0], query: URLSearchParams): void => {
    say(response, query);
    setImmediate(() => response.socket?.resetAndDestroy());
  };
};

test('lists, then watches; heartbeats are no changes', async (t) => {
  const { nodes, changes, asked, queries, when, item } = await watchDouble(t, [
    list('10', [node('a', '3')]),
    says(
      event('MODIFIED', node('a', '11', false, 'beat')),
      event('ADDED', node('b', '12')),
      event('MODIFIED', node('a', '13', true)),
      event('DELETED', node('b', '14')),
      event('DELETED', node('never seen', '15')),
    ),
  ]);
  t.false(nodes.synced());
  t.is(nodes.age(), undefined);
  await when(() => changes.length === 4);
  t.deepEqual(changes, ['added a', 'added b', 'changed a', 'removed b']);
  t.true(item('a')?.ready);
  t.true(nodes.synced());
  t.is(nodes.age(), seconds(0));
  t.deepEqual(asked, ['list 0', 'watch 10']);
  t.is(queries[0]?.get('limit'), '500');
  t.is(queries[1]?.get('allowWatchBookmarks'), 'true');
  const end = Number(queries[1]?.get('timeoutSeconds'));
  t.true(end >= 290 && end < 310);
});

test('reset in the middle: goes on from the last version, without a list', async (t) => {
  const { changes, asked, when } = await watchDouble(t, [
    list('10', []),
    cut(event('ADDED', node('a', '11')), '{"type":"ADDED","obj'),
    says(event('ADDED', node('b', '12'))),
  ]);
  await when(() => changes.length === 2);
  t.deepEqual(asked, ['list 0', 'watch 10', 'watch 11']);
});

test('a bookmark moves the version on', async (t) => {
  const { asked, changes, when } = await watchDouble(t, [
    list('10', []),
    cut(event('BOOKMARK', { metadata: { resourceVersion: '99' } })),
    says(event('ADDED', node('a', '100'))),
  ]);
  await when(() => changes.length === 1);
  t.deepEqual(asked, ['list 0', 'watch 10', 'watch 99']);
});

for (const [what, broken, next] of [
  ['410 as an event', cut(event('ERROR', { kind: 'Status', code: 410, message: 'too old' })), 'list latest'],
  ['410 as a status', status(410), 'list latest'],
  ['an error event', cut(event('ERROR', { kind: 'Status', code: 500, message: 'etcd' })), 'list latest'],
  ['a garbage line', cut('<html>502</html>\n'), 'list 0'],
  ['a line without an end', cut('x'.repeat(2000)), 'list 0'],
] as const) {
  test(`${what}: only a fresh list is certain; it tells what was missed`, async (t) => {
    const { changes, asked, when, item } = await watchDouble(
      t,
      [
        list('10', [node('gone', '1'), node('stays', '2')]),
        broken,
        list('20', [node('stays', '18', true), node('new', '19')]),
        says(),
      ],
      { lineBytes: 1000 },
    );
    await when(() => asked.length === 4);
    t.deepEqual(asked, ['list 0', 'watch 10', next, 'watch 20']);
    t.deepEqual(changes, ['added gone', 'added stays', 'removed gone', 'changed stays', 'added new']);
    t.true(item('stays')?.ready);
  });
}

test('silence is a dead link', async (t) => {
  const { asked, changes, when } = await watchDouble(
    t,
    [list('10', []), says(event('ADDED', node('a', '11'))), says(event('ADDED', node('b', '12')))],
    { inactivity: millis(700) },
  );
  await when(() => changes.length === 2);
  t.deepEqual(asked.slice(0, 3), ['list 0', 'watch 10', 'watch 11']);
});

test('pages; before the last one nothing counts as known', async (t) => {
  const { nodes, asked, changes, when } = await watchDouble(t, [
    list('10', [node('a', '1')], 'p2'),
    (response, query) => {
      t.false(nodes.synced());
      status(410)(response, query);
    },
    list('20', [node('a', '1')], 'q2'),
    list('20', [node('b', '2')]),
    says(),
  ]);
  await when(() => asked.length === 5);
  t.deepEqual(asked, ['list 0', 'list p2', 'list latest', 'list q2', 'watch 20']);
  t.deepEqual(changes, ['added a', 'added b']);
});

test('an unhappy server is asked more and more seldom, then said so once; what is known stays', async (t) => {
  const { nodes, pauses, log, asked, when } = await watchDouble(t, [
    list('10', [node('a', '1')]),
    ...Array.from({ length: 9 }, () => status(500)),
    says(event('MODIFIED', node('a', '12', true))),
  ]);
  await when(() => nodes.items.get('a')?.ready === true);
  t.is(asked.length, 11);
  t.true((pauses.at(-1) ?? 0) >= 5000, pauses.join(' '));
  t.true((pauses[0] ?? 0) <= 200);
  t.is(log.records.filter(({ level }) => level === 'warn').length, 1);
});

test('a server that ends every watch at once is not asked at once', async (t) => {
  const { pauses, asked, when } = await watchDouble(t, [
    list('10', []),
    ...Array.from({ length: 5 }, () => (response: { end: () => unknown }) => void response.end()),
  ]);
  await when(() => asked.length === 7);
  t.is(pauses.length, 5);
});

test('after a watch that worked, earlier failures do not count', async (t) => {
  const server = await watchDouble(t, [
    list('10', []),
    ...Array.from({ length: 6 }, () => status(500)),
    (response, query) => {
      says()(response, query);
      server.pass(minutes(1));
      response.write(event('ADDED', node('a', '11')), () => response.socket?.resetAndDestroy());
    },
    says(),
  ]);
  await server.when(() => server.asked.length === 9);
  t.true((server.pauses.at(-1) ?? Infinity) <= 200, server.pauses.join(' '));
  t.is(server.asked.at(-1), 'watch 11');
});

test('now and then everything is listed again', async (t) => {
  const server = await watchDouble(t, [
    list('10', []),
    (response, query) => {
      says()(response, query);
      server.pass(minutes(11));
      response.end();
    },
    list('20', [node('missed', '1')]),
  ]);
  await server.when(() => server.changes.length === 1);
  t.deepEqual(server.asked.slice(0, 3), ['list 0', 'watch 10', 'list 0']);
});

test('a listener that throws does not end the watch', async (t) => {
  const { changes, log, when } = await watchDouble(
    t,
    [list('10', [node('a', '1')]), says(event('ADDED', node('b', '11')))],
    {
      onChange: () => {
        throw new Error('ours');
      },
    },
  );
  await when(() => changes.length === 2);
  t.is(log.records.filter(({ message }) => message === 'a change could not be handled').length, 2);
});

test('refused credentials are read again', async (t) => {
  const { refusals, asked, when } = await watchDouble(t, [status(401), list('10', []), says()]);
  await when(() => asked.length === 3);
  t.is(refusals(), 1);
});

test('it ends with the signal, in every phase, and leaves no connection', async (t) => {
  for (const answers of [[], [list('10', [])], [list('10', []), says(event('ADDED', node('a', '11')))]]) {
    const server = await watchDouble(t, answers, { inactivity: seconds(60) });
    await server.when(() => server.asked.length === Math.min(2, answers.length + 1));
    server.closing.abort();
    await server.nodes.done;
    await server.when(() => server.open() === 0);
  }
  t.pass();
});

test('while its watch stands, silence is no lack of news; that it stands is heard', async (t) => {
  const late = 40_000;
  const server = await watchDouble(t, [
    list('10', []),
    (response) => {
      server.pass(seconds(late / 1000));
      response.flushHeaders();
    },
  ]);
  t.false(server.nodes.isOpen());
  await server.when(() => server.nodes.isOpen());
  t.is(server.nodes.age(), seconds(0), 'that it was opened was heard');
  server.pass(seconds(90));
  t.is(server.nodes.age(), seconds(90), 'by rests, whatever the wall clock says');
  server.closing.abort();
  await server.nodes.done;
  t.false(server.nodes.isOpen());
});

test('why it does not stand is told until it does', async (t) => {
  const { nodes, when, asked } = await watchDouble(t, [status(403), status(403), list('10', []), says()]);
  await when(() => nodes.trouble()?.code === 'API_FORBIDDEN');
  await when(() => asked.length === 4 && nodes.isOpen());
  t.is(nodes.trouble(), undefined);
});

test('an object that is not to be kept any more is gone', async (t) => {
  const { changes, when } = await watchDouble(t, [
    list('10', [node('a', '1')]),
    says(event('MODIFIED', { metadata: { name: 'a', resourceVersion: '11' } }), event('ADDED', node('b', '12'))),
  ]);
  await when(() => changes.length === 3);
  t.deepEqual(changes, ['added a', 'removed a', 'added b']);
});

test('a resource that an older server does not know has nothing in it, until it does', async (t) => {
  const { nodes, asked, pauses, changes, log, when } = await watchDouble(
    t,
    [status(404), status(404), list('10', [node('a', '1')]), status(404), says()],
    { mayBeUnknown: true, resync: minutes(10) },
  );
  await when(() => asked.length >= 4);
  t.true(nodes.synced());
  t.deepEqual(pauses.slice(0, 2), [minutes(10), minutes(10)], 'asked again with the resync, not as after a failure');
  t.deepEqual(changes, ['added a']);
  t.is(log.records.filter(({ level }) => level !== 'debug').length, 0);
});
