import test from 'ava';
import { descriptionText } from '../../../cli/output/description.ts';
import { progressOn } from '../../../cli/output/progress.ts';
import { inOrder, isDegraded, nextSteps, statusText } from '../../../cli/output/status.ts';
import { age, harmless, painter } from '../../../cli/output/terminal.ts';
import { must } from '../../../config/result.ts';
import { parseHostname } from '../../../config/values.ts';
import type { DeviceView, StatusView } from '../../../daemon/http/wire.ts';
import type { DeviceState } from '../../../daemon/lifecycle/device.ts';
import { explain, nextDeed } from '../../../daemon/lifecycle/explain.ts';
import { aDevice, states } from '../../support/boards.ts';
import { descriptionFake, deviceFake, noTraffic, statusFake } from '../http/views-fake.ts';

const plain = painter({ isTerminal: false, env: {} });

test('status: what it looks like', (t) => {
  const status = statusFake(
    [
      deviceFake('worker-kube1'),
      deviceFake('worker-kube2', { state: 'installing', progress: 0.426, why: 'its system is being written' }),
      deviceFake('worker-kube3', {
        state: 'failed',
        why: 'SSH_TIMEOUT: nobody answered on port 22 for ten minutes',
        model: null,
      }),
    ],
    { advice: ['bramble retry worker-kube3    (SSH_TIMEOUT)'] },
  );
  t.is(
    statusText(status, { width: 80, paint: plain, wide: false }),
    [
      'master  eth0 192.168.1.10  dhcp full  admission auto  k3s reachable',
      '3 boards: 1 failed, 1 installing, 1 ready',
      '',
      'NAME          MODEL  IP             STATE           SINCE  WHY',
      'worker-kube3  –      192.168.1.203  failed          4m30s  SSH_TIMEOUT: nobody …',
      'worker-kube2  pi4    192.168.1.202  installing 42%  4m30s  [####      ] its sys…',
      'worker-kube1  pi4    192.168.1.201  ready           4m30s  its Node is Ready',
      '',
      'NEXT: bramble retry worker-kube3    (SSH_TIMEOUT)',
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

test('status fits whatever width, with names of 63 characters that differ at their end, and every state there is', (t) => {
  const long = (end: string): string => `${'rack-in-the-cellar-'.repeat(4).slice(0, 62)}${end}`;
  const boards = [
    ...Object.values(states).map(({ name }, index) => deviceFake(`worker-kube${index + 1}`, { state: name })),
    deviceFake(long('1'), { state: 'local-boot-failed', address: '192.168.100.200', model: 'pi3b+' }),
    deviceFake(long('2'), { state: 'waiting-for-proof', address: '192.168.100.201', why: 'it is '.repeat(40) }),
  ];
  const shown = (width: number): readonly string[] =>
    statusText(statusFake(boards, { advice: [long('x').repeat(3)] }), { width, paint: plain, wide: false }).split('\n');
  for (const width of [20, 40, 79, 80, 132]) for (const line of shown(width)) t.true(line.length <= width, line);
  const rows = shown(80).filter((line) => line.startsWith('rack-'));
  t.deepEqual(
    rows.map((line) => line.split(/ +/, 1)[0]),
    ['rack-in…-rack-1', 'rack-in…-rack-2'],
  );
  t.regex(rows[1] ?? '', / {2}waiting-for-proof {2}4m30s {2}it is/);
});

test('status of chosen boards: none of them is not no board', (t) => {
  const status = statusFake([deviceFake('worker-kube1')]);
  const text = statusText(status, { width: 80, paint: plain, wide: false }, []);
  t.regex(text, /\nNo such board\.\n\nNEXT: nothing to do\n$/);
});

test('boards that failed, are held, left, were replaced or are being taken in: what to do stands whole in 80 columns', (t) => {
  const kept = (state: DeviceState, name: string): DeviceView => {
    const device = aDevice(state, { name: must(parseHostname(name)) });
    return deviceFake(name, { state: state.name, why: explain(device), deed: nextDeed(device) ?? null });
  };
  const boards = [
    kept(
      {
        name: 'replaced',
        by: 'anna',
        was: { name: must(parseHostname('worker-kube1')), address: undefined },
        left: true,
      },
      'worker-kube1-old',
    ),
    kept({ name: 'left', by: 'anna', done: true }, 'worker-kube2'),
    kept({ ...states.failed, code: 'SSH_AUTH', detail: 'all keys were refused' }, 'worker-kube3'),
    kept(states.held, 'worker-kube4'),
    kept(states.ready, 'worker-kube5'),
    kept({ name: 'adopting', by: 'anna' }, 'worker-kube6'),
  ];
  const advice = boards.flatMap(({ deed }) => (deed === null ? [] : [deed]));
  const text = statusText(statusFake(boards, { advice }), { width: 80, paint: plain, wide: false });
  for (const line of text.split('\n')) t.true(line.length <= 80, line);
  const rows = text.split('\n').filter((line) => line.startsWith('worker-'));
  t.deepEqual(
    rows.map((line) => line.split(/ +/, 1)[0]),
    ['worker-kube3', 'worker-kube4', 'worker-kube6', 'worker-kube5', 'worker-kube1-old', 'worker-kube2'],
  );
  const words = text.replaceAll(/\s+/g, ' ');
  t.regex(words, /then bramble reinstall worker-kube3 \(its system does not let our key in: all keys were refused\)/);
  t.regex(words, /bramble accept worker-kube4, or bramble reject worker-kube4 \(held: two boards/);
  for (const board of boards)
    t.regex(descriptionText(descriptionFake(board), 0), new RegExp(`\nState: {6}${board.state}\n`));
  t.regex(boards[0]?.why ?? '', /has its place as worker-kube1, .*; bramble forget worker-kube1-old drops it/);
  t.regex(boards[1]?.why ?? '', /bramble accept worker-kube2 joins it again/);
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
  ['waiting-for-proof', true],
  ['local-boot-failed', true],
  ['reinstalling', false],
  ['held', true],
  ['pending', true],
  ['seen', false],
  ['installing', false],
  ['ready', false],
  ['rejected', false],
  ['left', false],
  ['replaced', false],
] as const) {
  test(`a ${state} board ${degraded ? 'degrades' : 'does not degrade'} the status`, (t) => {
    t.is(isDegraded(statusFake([deviceFake('worker-kube1', { state })])), degraded);
  });
}

test('a board that waits for hands degrades it, whatever its state', (t) => {
  const deed = 'insert a join card into worker-kube1';
  t.true(isDegraded(statusFake([deviceFake('worker-kube1', { state: 'reinstalling', deed })])));
});

test('an unreachable cluster degrades it too', (t) => {
  t.true(isDegraded(statusFake([], { cluster: { driver: 'k3s', reachable: false, detail: '' } })));
});

test('boards that are not served degrade it', (t) => {
  t.false(isDegraded(statusFake([])));
  t.true(isDegraded(statusFake([], { degraded: true })));
});

test('the next step, where the daemon advises nothing', (t) => {
  const of = (...states: readonly string[]): readonly string[] =>
    nextSteps(statusFake(states.map((state, index) => deviceFake(`worker-kube${index + 1}`, { state }))));
  t.deepEqual(of('ready', 'rejected', 'left', 'replaced'), ['nothing to do']);
  t.deepEqual(of('ready', 'joining'), ['wait']);
  t.deepEqual(of(), ['plug in a Pi: power and network cable are enough']);
});

const next = (advice: readonly string[], wide = false): string => {
  const text = statusText(statusFake([], { advice }), { width: 80, paint: plain, wide });
  return text.slice(text.indexOf('NEXT: '));
};

test('every advice is shown to its last word: the first after NEXT, the others below it', (t) => {
  t.is(
    next([
      'another DHCP server, 10.55.0.7, is on the boards’ switch: new boards get no address; unplug it, start once with dhcp.search: 0, then take that line out again',
      'bramble accept worker-kube1    (this network is shared)',
    ]),
    [
      'NEXT: another DHCP server, 10.55.0.7, is on the boards’ switch: new boards get',
      '      no address; unplug it, start once with dhcp.search: 0, then take that line',
      '      out again',
      '    - bramble accept worker-kube1    (this network is shared)',
      '',
    ].join('\n'),
  );
});

test('advice of any length stays within its columns, and nothing of it is lost', (t) => {
  const long = ['x'.repeat(200), `${'a '.repeat(100)}${'y'.repeat(75)}`, `${'b'.repeat(74)} ${'c'.repeat(74)} d`];
  const text = next(long);
  for (const line of text.split('\n')) t.true(line.length <= 80, line);
  const letters = (some: string): string => some.replaceAll(/NEXT:|[\s-]/g, '');
  t.is(letters(text), letters(long.join('')));
});

test('eight at most, and how many more there are; wide has them all, a line each', (t) => {
  const advice = Array.from({ length: 11 }, (_, index) => `${'look '.repeat(20)}at ${index + 1}`);
  t.regex(next(advice), /at 8\n {6}and 3 more: bramble status -o wide\n$/);
  t.false(next(advice).includes('at 9'));
  t.false(next(advice.slice(0, 8)).includes('more'));
  const wide = next(advice, true).trimEnd().split('\n');
  t.is(wide.length, 11);
  t.true(wide[10]?.endsWith('at 11'));
});

test('guests and Pis that are not ours have a line each; hardware addresses in wide', (t) => {
  const mac = '00:11:22:33:44:55';
  const status: StatusView = {
    ...statusFake([]),
    strangers: [{ name: 'black-pearl', address: '192.168.1.60', mac: 'b8:27:eb:00:00:01' }],
    guests: [
      { address: '192.168.1.101', mac, hostname: 'laptop' },
      { address: '192.168.1.102', mac: null, hostname: null },
    ],
  };
  const text = statusText(status, { width: 80, paint: plain, wide: false });
  t.true(text.includes('\nPis with a system of their own: black-pearl (192.168.1.60)\n'));
  t.true(text.includes('\nGuests: laptop 192.168.1.101, 192.168.1.102\n'));
  const wide = statusText(status, { width: 80, paint: plain, wide: true });
  t.true(wide.includes(`\nGuests: laptop 192.168.1.101 (${mac}), 192.168.1.102\n`));
  t.false(statusText(statusFake([]), { width: 80, paint: plain, wide: true }).includes('Guests'));
});

test('describe tells state, why, identity, timeline and events', (t) => {
  const text = descriptionText(descriptionFake(deviceFake('worker-kube1')), Date.parse('2026-01-01T12:00:00Z'));
  t.regex(text, /^Name: {7}worker-kube1\nState: {6}ready\nWhy: {8}its Node is Ready\nSince: .*\(4m30s ago\)\n/);
  t.regex(text, /\n {6}7\.2 s {2}ready\n/);
  t.regex(text, /joining → ready/);
});

test('describe says why a board stops and what to do, what its health is, and shows its earlier boots', (t) => {
  const now = Date.parse('2026-01-01T12:00:00Z');
  const board = {
    ...descriptionFake(deviceFake('worker-kube1')),
    diagnosis: { code: 'FILE_MISSING', sentence: 'it asks for \u001b[31mstart4.elf', deed: 'import a newer one' },
    earlierBoots: [[{ at: '2026-01-01T11:00:00.000Z', seconds: 0, what: 'DISCOVER of its boot ROM' }]],
    health: { at: '2026-01-01T11:59:00.000Z', signs: [{ sentence: 'its power is too weak', deed: null }] },
  };
  const text = descriptionText(board, now);
  t.regex(text, /\nWhy it stops:\n {2}it asks for \P{Cc}*start4\.elf\n {2}→ import a newer one\n/u);
  t.regex(text, /\nIts health:\n {2}its power is too weak\n/);
  t.regex(text, /\nAn earlier boot, 2026-01-01T11:00:00\.000Z:\n +0\.0 s {2}DISCOVER of its boot ROM\n/);
  t.notRegex(descriptionText({ ...board, diagnosis: null }, now), /Why it stops/);
  const well = { ...board, health: { ...board.health, signs: [] } };
  t.regex(descriptionText(well, now), /\nHealth: +well, as of 2026-01-01T11:59:00\.000Z \(1m00s ago\)\n/);
});

test('describe tells the disk that may be written and the memory, where they are known', (t) => {
  const board = descriptionFake(deviceFake('worker-kube1'));
  t.notRegex(descriptionText(board, 0), /Disk:|Memory:/);
  const disk = { name: 'mmcblk0', type: 'sd', model: 'SC32G', bytes: 31_914_983_424, content: 'foreign' };
  const text = descriptionText({ ...board, disk, memoryBytes: 4_000_000_000 }, 0);
  t.regex(text, /\nDisk: {7}mmcblk0, sd, SC32G, 31\.9 GB: holds data that is not ours\nMemory: {5}4 GB\n/);
  t.regex(
    descriptionText({ ...board, disk: { ...disk, content: 'none' } }, 0),
    /\nDisk: {7}none that may be written\n/,
  );
});

test('describe shows the last words of what failed, and nothing of them steers the terminal', (t) => {
  const board = descriptionFake(deviceFake('worker-kube1', { state: 'failed', why: 'its disk is full (DISK_FULL)' }));
  const text = descriptionText({ ...board, failedOutput: ['pulling', '\x1b[2Jno space left'] }, 0);
  t.regex(text, /\nWhat failed on it said last:\n {2}pulling\n {2}\?\[2Jno space left\n\nEvents:\n/);
  t.notRegex(descriptionText(board, 0), /said last/);
});

test('describe shows how far an installation is as a bar', (t) => {
  const board = descriptionFake(deviceFake('worker-kube1', { state: 'installing', progress: 0.426 }));
  t.regex(descriptionText(board, 0), /\nState: {6}installing \[#{8} {12}\] 42%\n/);
});

test('progress is drawn over where stderr is a terminal, whatever stdout is, and in lines elsewhere', (t) => {
  const drawn = (isTerminal: boolean, errColumns: number | undefined): string => {
    let text = '';
    const err = (some: string): void => {
      text += some;
    };
    const signal = new AbortController().signal;
    const stdout = { out: () => undefined, isTerminal, columns: 80, env: {}, user: 'anna', signal };
    const progress = progressOn({ ...stdout, err, errColumns, now: () => 0 });
    progress.tell('write', 2 ** 20, 2 ** 21);
    progress.end();
    return text;
  };
  t.regex(drawn(false, 60), /^\rwrite {2}\[#{15} {15}\] 50% {2}1 of 2 MiB *\n$/);
  t.is(drawn(false, 20).length, 1 + 19 + 1);
  t.regex(drawn(true, undefined), /^write [^\r]*\n$/);
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
