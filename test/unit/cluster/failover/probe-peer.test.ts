import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import {
  askScript,
  chooseTwo,
  type Seen,
  scriptAnswer,
  seenFrom,
  together,
} from '../../../../daemon/cluster/failover/probe-peer.ts';

const rows: readonly (readonly [readonly Seen[], Seen, ReturnType<typeof seenFrom>])[] = [
  [['answered', 'late'], 'answered', 'alive'],
  [['unable', 'answered'], 'late', 'alive'],
  [['silent', 'late'], 'answered', 'silent'],
  [['late', 'late'], 'answered', 'silent'],
  [['silent', 'silent'], 'late', 'silent'],
  [['late', 'late'], 'late', 'unknown'],
  [['late', 'late'], 'unable', 'unknown'],
  [['unable', 'unable'], 'unable', 'unable'],
  [['unable', 'late'], 'answered', 'unable'],
];
for (const [targets, control, expected] of rows) {
  test(`targets ${targets.join(' and ')}, the peer itself ${control}: ${expected}`, (t) =>
    t.is(seenFrom(targets, control), expected));
}

test('of two peers the one that hears it counts, and one that could not try does not', (t) => {
  t.is(together(['silent', 'alive']), 'alive');
  t.is(together(['silent', 'unknown']), 'silent');
  t.is(together(['unknown', 'unknown']), 'unknown');
  t.is(together([]), 'unknown');
});

test('two by turns, whatever their order; of those that are connected if there are no more connections', (t) => {
  const isWarm = (peer: string): boolean => peer !== 'b';
  const pairs = [0, 1, 2, 3].map((turn) => chooseTwo(['c', 'a', 'b'], turn, isWarm, false).join());
  t.deepEqual(pairs, ['a,b', 'b,c', 'c,a', 'a,b']);
  t.deepEqual(chooseTwo(['c', 'a', 'b'], 1, isWarm, true), ['c', 'a']);
  t.deepEqual(chooseTwo(['only'], 7, isWarm, false), ['only']);
  t.deepEqual(chooseTwo([], 7, isWarm, false), []);
});

/** What the script says on a board that has `sh`, `grep` and these. */
async function said(t: ExecutionContext, programs: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-script-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await symlink('/bin/grep', join(folder, 'grep'));
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const run = promisify(execFile);
  const { stdout } = await run('/bin/sh', ['-c', askScript, '10.77.0.2', '10250'], { env: { PATH: folder } });
  return scriptAnswer(stdout);
}

test('the script, with stand-ins for its programs: whatever answers counts; no program, no word', async (t) => {
  const bash = 'exit 1';
  t.is(await said(t, {}), 'unknown');
  t.is(await said(t, { ping: 'exit 0' }), 'alive');
  t.is(await said(t, { ping: 'exit 1' }), 'silent');
  t.is(await said(t, { timeout: 'echo "bash: connect: Connection refused"; exit 1', bash }), 'alive');
  t.is(await said(t, { timeout: 'echo opened', bash }), 'alive');
  t.is(await said(t, { timeout: 'echo "bash: connect: No route to host"; exit 1', bash }), 'silent');
  t.is(await said(t, { ping: 'exit 1', timeout: 'echo opened', bash }), 'alive');
  t.is(await said(t, { ping: 'exit 0', timeout: 'exit 124', bash }), 'alive');
});
