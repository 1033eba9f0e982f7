import test from 'ava';
import { descriptionText } from '../../../cli/output/description.ts';
import { inOrder, isDegraded, nextStep, statusText } from '../../../cli/output/status.ts';
import { age, harmless, painter } from '../../../cli/output/terminal.ts';
import type { StatusView } from '../../../daemon/http/wire.ts';
import { descriptionFake, deviceFake, noTraffic, statusFake } from '../http/views-fake.ts';

const plain = painter({ isTerminal: false, env: {} });

test('status: what it looks like', (t) => {
  const status = statusFake([
    deviceFake('worker-kube1'),
    deviceFake('worker-kube2', { state: 'installing', progress: 0.426, why: 'its system is being written' }),
    deviceFake('worker-kube3', {
      state: 'failed',
      why: 'SSH_TIMEOUT: nobody answered on port 22 for ten minutes',
      model: null,
    }),
  ]);
  t.is(
    statusText(status, { width: 80, paint: plain, wide: false }),
    [
      'master  eth0 192.168.1.10  dhcp full  admission auto  k3s reachable',
      '3 boards: 1 failed, 1 installing, 1 ready',
      '',
      'NAME          MODEL  IP             STATE           SINCE  WHY',
      'worker-kube3  –      192.168.1.203  failed          4m30s  SSH_TIMEOUT: nobody …',
      'worker-kube2  pi4    192.168.1.202  installing 42%  4m30s  its system is being …',
      'worker-kube1  pi4    192.168.1.201  ready           4m30s  its Node is Ready',
      '',
      'NEXT: bramble describe worker-kube3, then bramble retry worker-kube3',
      '',
    ].join('\n'),
  );
});

test('status fits 80 columns whatever the boards say, and nothing they say steers the terminal', (t) => {
  const why = `\x1b[31m${'long '.repeat(100)}\n\x07`;
  const detail = 'x'.repeat(200);
  const status = statusFake([deviceFake('worker-kube1', { state: 'pending', why })], {
    cluster: { driver: 'k3s', reachable: false, detail },
  });
  const text = statusText(status, { width: 80, paint: plain, wide: false });
  for (const line of text.split('\n')) t.true(line.length <= 80, line);
  t.notRegex(text.replaceAll('\n', ''), /\p{Cc}/u);
  t.true(statusText(status, { width: 80, paint: plain, wide: true }).includes('dc:a6:32:01:02:01'));
});

test('wide: what was dropped since the start, by protocol and reason', (t) => {
  const wide = (traffic: Partial<StatusView['master']['traffic']>): string => {
    const all = { dhcp: noTraffic, tftp: noTraffic, mdns: noTraffic, http: noTraffic, ...traffic };
    return statusText(statusFake([], { traffic: all }), { width: 80, paint: plain, wide: true });
  };
  const dhcp = { ...noTraffic, answered: 90, refused: 6, malformed: 4, flood: 1200 };
  const http = { ...noTraffic, capacity: 1, flood: 2, overrun: 3 };
  t.true(
    wide({ dhcp, http, tftp: { ...noTraffic, answered: 5, refused: 20 } }).includes(
      '\ndropped since start: dhcp 1204 of 1300 (flood 1200, malformed 4), http 6 of 6 (overrun 3, capacity 1, flood 2)\n',
    ),
  );
  t.true(wide({}).includes('\ndropped since start: nothing\n'));
  const narrow = statusText(statusFake([], { traffic: { dhcp, tftp: dhcp, mdns: dhcp, http } }), {
    ...{ width: 80, paint: plain, wide: false },
  });
  t.false(narrow.includes('dropped'));
});

test('sick boards come first, rejected ones last, names count as people count', (t) => {
  const boards = [
    deviceFake('worker-kube10'),
    deviceFake('worker-kube2'),
    deviceFake('worker-kube3', { state: 'rejected' }),
    deviceFake('worker-kube4', { state: 'joining' }),
    deviceFake('worker-kube5', { state: 'held' }),
  ];
  t.deepEqual(
    inOrder(boards).map(({ name }) => name),
    ['worker-kube5', 'worker-kube4', 'worker-kube2', 'worker-kube10', 'worker-kube3'],
  );
});

for (const [state, degraded] of [
  ['failed', true],
  ['unreachable', true],
  ['held', true],
  ['pending', true],
  ['seen', false],
  ['installing', false],
  ['ready', false],
  ['rejected', false],
] as const) {
  test(`a ${state} board ${degraded ? 'degrades' : 'does not degrade'} the status`, (t) => {
    t.is(isDegraded(statusFake([deviceFake('worker-kube1', { state })])), degraded);
  });
}

test('an unreachable cluster degrades it too', (t) => {
  t.true(isDegraded(statusFake([], { cluster: { driver: 'k3s', reachable: false, detail: '' } })));
});

test('the next step is one line', (t) => {
  const of = (...states: readonly string[]): string =>
    nextStep(statusFake(states.map((state, index) => deviceFake(`worker-kube${index + 1}`, { state }))));
  t.is(of('pending', 'ready', 'pending'), 'bramble accept worker-kube1 worker-kube3');
  t.is(of('unreachable', 'pending'), 'check power and cable of worker-kube1');
  t.is(of('ready', 'rejected'), 'nothing to do');
  t.is(of('ready', 'joining'), 'wait');
  t.is(of(), 'plug in a Pi: power and network cable are enough');
  t.is(nextStep(statusFake([], { advice: ['write "interface: eth0"'] })), 'write "interface: eth0"');
});

test('describe tells state, why, identity, timeline and events', (t) => {
  const text = descriptionText(descriptionFake(deviceFake('worker-kube1')), Date.parse('2026-01-01T12:00:00Z'));
  t.regex(text, /^Name: {7}worker-kube1\nState: {6}ready\nWhy: {8}its Node is Ready\nSince: .*\(4m30s ago\)\n/);
  t.regex(text, /\n {6}7\.2 s {2}ready\n/);
  t.regex(text, /joining → ready/);
});

test('ages and colours', (t) => {
  t.deepEqual(
    [-5, 0, 12, 192, 3 * 3600 + 61, 9 * 86_400 + 7200].map((seconds) => age(0, seconds * 1000)),
    ['0s', '0s', '12s', '3m12s', '3h01m', '9d2h'],
  );
  t.is(painter({ isTerminal: true, env: {} })('x', 'red'), '\x1b[31mx\x1b[0m');
  t.is(painter({ isTerminal: true, env: { NO_COLOR: '1' } })('x', 'red'), 'x');
  t.is(harmless('a\u202eb\u009b'), 'a?b?');
});
