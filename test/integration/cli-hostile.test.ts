/** Whatever boards say, the command line never hands the terminal anything that steers it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { parse } from 'yaml';
import { runBramble } from '../support/command-line.ts';
import { type Answers, hostile, hostileDaemonDouble } from '../support/hostile-daemon-double.ts';
import { planFake } from '../unit/http/balance-fake.ts';
import { failoverBoardFake, failoverViewFake } from '../unit/http/failover-fake.ts';
import { descriptionFake, deviceFake, eventFake, imageFilesFake, statusFake } from '../unit/http/views-fake.ts';

const board = deviceFake('worker-kube1', { state: 'failed', progress: 0.5, deadline: '2026-01-01T12:00:00Z' });
const status = {
  ...statusFake([board, deviceFake('worker-kube2')], {
    advice: ['look at it', 'and then at that'],
    open: { by: 'anna', boards: 1, secondsLeft: 3 },
    cluster: { driver: 'k3s', reachable: false, detail: 'nobody answers' },
  }),
  strangers: [{ name: 'other', address: '10.0.0.9', mac: 'dc:a6:32:00:00:09' }],
  guests: [{ hostname: 'laptop', address: '10.0.0.10', mac: 'aa:a6:32:00:00:09' }],
};
const description = {
  ...descriptionFake(board),
  disk: { name: 'mmcblk0', type: 'sd', model: 'SC32G', bytes: 31_914_983_424, content: 'foreign' },
  installerLog: ['a line', 'another'],
  failedOutput: ['the last word'],
};
const move = { number: 1, title: 'Deployment default/web', pod: 'web-1', from: 'a', to: 'b', why: 'so', detail: 'b' };
const balance = {
  ...{ mode: 'on-change', state: 'idle', detail: 'nothing', paused: { by: 'anna', secondsLeft: 60 } },
  run: { number: 1, reason: 'asked', end: 'even', detail: 'moved', landed: 1, moves: [{ ...move, outcome: 'landed' }] },
};
const power = { run: null, last: 'the cluster was stopped' };
const files = imageFilesFake('worker-kube1');

const answers: Answers = (method, path) => {
  if (path === '/v1/status') return status;
  if (path === '/v1/events') return { events: [eventFake(1), eventFake(2)] };
  if (path.endsWith('/describe')) return path.includes('nobody') ? undefined : description;
  if (path.endsWith('/image/files')) return files;
  if (path === '/v1/admission/open') return { open: status.master.open };
  if (path === '/v1/balance' && method === 'GET') return planFake;
  if (path.startsWith('/v1/balance')) return balance;
  if (path === '/v1/failover') {
    const waiting = failoverBoardFake('worker-kube1', { verdict: 'waiting-for-proof', signs: 's', pods: ['a/b'] });
    return failoverViewFake({ held: 'the link is down', paused: { by: 'anna', secondsLeft: 5 }, boards: [waiting] });
  }
  if (path.startsWith('/v1/power')) return power;
  if (path.endsWith('/confirm-off')) return { name: 'worker-kube1', pods: ['default/db-0'] };
  return path.startsWith('/v1/devices/') ? { device: board } : undefined;
};
/** Closed sets of the daemon's own words, and numbers of it: it is of the same version, and is taken at its word. */
const plain = new Set(['mode', 'end', 'outcome', 'verdict', 'path', 'peer', 'method', 'goal', 'code']);

const commands: readonly (readonly string[])[] = [
  ['status'],
  ['status', '-o', 'wide'],
  ['status', '-o', 'name'],
  ['status', '-o', 'json'],
  ['status', '-o', 'yaml'],
  ['describe', 'worker-kube1'],
  ['describe', 'worker-kube1', '-o', 'yaml'],
  ['describe', 'nobody'],
  ['events'],
  ['events', '-o', 'yaml'],
  ['events', '-f'],
  ['accept', 'worker-kube1'],
  ['accept', '--all'],
  ['leave', 'worker-kube1'],
  ['locate', 'worker-kube1'],
  ['wipe', '--yes', 'worker-kube1'],
  ['replace', 'worker-kube1', '--with', 'worker-kube2'],
  ['uncordon', 'worker-kube1'],
  ['drain', 'worker-kube1'],
  ['open'],
  ['open', '-o', 'yaml'],
  ['balance', '--dry-run'],
  ['balance', 'pause'],
  ['failover'],
  ['failover', '-o', 'json'],
  ['confirm-off', 'worker-kube1'],
  ['shutdown', 'worker-kube1', '--no-wait', '--yes'],
  ['startup', '--no-wait'],
  ['image', 'render', 'worker-kube1'],
  ['image', 'render', 'worker-kube1', '-o', 'json'],
  ['kubeconfig', '-o', '-'],
  ['version'],
];

/** Everything Unicode calls control or format: ESC, BEL, the one-byte CSI, right-to-left marks, tags … */
const steering = fc.oneof(
  fc.constantFrom(
    '\x1b[2J',
    '\x1b]0;owned\x07',
    '\x9b31m',
    '\r',
    '\b\b',
    '\x7f',
    '\u202e',
    '\u2066',
    '\u{e0041}',
    '\0',
  ),
  fc.integer({ min: 0, max: 0x9f }).map((code) => String.fromCodePoint(code)),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

/** What `bramble` itself paints with. */
const paints: readonly string[] = [31, 32, 33, 2, 0].map((code) => `\x1b[${code}m`);

/** But the ends of lines, and the tab, which files have. */
const steers = (text: string): boolean => /(?![\n\t])[\p{Cc}\p{Cf}]/u.test(text);

for (const isTerminal of [false, true]) {
  test(`no command hands on what steers a terminal${isTerminal ? ', beside its own colours' : ''}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-hostile-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    let said = '';
    const socket = join(folder, 'sock');
    const double = await hostileDaemonDouble(socket, answers, () => said, plain);
    t.teardown(double.close);
    let printed = 0;
    await fc.assert(
      fc.asyncProperty(steering, fc.constantFrom(...commands), async (text, command) => {
        said = text;
        let asked = '';
        const ask = async (question: string): Promise<string> => {
          asked += question;
          return 'yes';
        };
        const ended = await runBramble(command, { BRAMBLE_SOCKET: socket }, { isTerminal, ask });
        const all = paints.reduce((text, one) => text.replaceAll(one, ''), `${ended.out}${ended.err}${asked}`);
        printed += all.length;
        if (steers(all)) throw new Error(`${command.join(' ')}: ${JSON.stringify(all)}`);
      }),
      { numRuns: 200, examples: commands.map((command) => ['\x1b]0;owned\x07\x9b31m\u202e\r\n', command]) },
    );
    t.true(printed > 10_000, 'they did print something');
  });
}

test('a program reads from JSON and YAML exactly what was said', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-hostile-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  let said = '';
  const socket = join(folder, 'sock');
  const double = await hostileDaemonDouble(socket, answers, () => said, plain);
  t.teardown(double.close);
  await t.notThrowsAsync(
    fc.assert(
      fc.asyncProperty(steering, async (text) => {
        said = text;
        const expected = JSON.parse(JSON.stringify(hostile(description, text, plain)));
        const run = async (format: string): Promise<string> =>
          (await runBramble(['describe', 'worker-kube1', '-o', format], { BRAMBLE_SOCKET: socket })).out;
        const read = [JSON.parse(await run('json')), parse(await run('yaml'))];
        for (const one of read)
          if (JSON.stringify(one) !== JSON.stringify(expected)) throw new Error(JSON.stringify(one));
      }),
      { numRuns: 50, examples: [['\x1b[2J\n\x9b'], ['\u202e\u{e0041}']] },
    ),
  );
});
