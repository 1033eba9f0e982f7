import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import { parseIpv4 } from '../../../../config/values.ts';
import { powerDriver } from '../../../../daemon/cluster/power/driver.ts';
import { systemShell } from '../../../../daemon/system/shell.ts';
import { MAC } from '../../../support/boards.ts';

const board = { name: 'worker-kube1', macs: [MAC], address: must(parseIpv4('10.77.0.100')) };
const signal = new AbortController().signal;

/** The owner's program; it writes down its words. */
async function program(t: ExecutionContext, body: string) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-power-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const command = join(folder, 'switch it');
  await writeFile(command, `#!/bin/sh\nfor word in "$@"; do echo "$word"; done > '${folder}/words'\n${body}\n`);
  await chmod(command, 0o755);
  const words = async () => (await readFile(join(folder, 'words'), 'utf8')).trim().split('\n');
  return { driver: powerDriver({ command, shell: systemShell }), words };
}

test('it is told what to do with which board, as words and not through a shell', async (t) => {
  const { driver, words } = await program(t, 'exit 0');
  t.true((await driver.switch('off', board, signal)).ok);
  t.deepEqual(await words(), ['off', 'worker-kube1', MAC, '10.77.0.100']);
  t.true((await driver.switch('on', { name: 'a$(id)', macs: [], address: undefined }, signal)).ok);
  t.deepEqual(await words(), ['on', 'a$(id)', '-', '-']);
});

test('its state is one of three words, and nothing else', async (t) => {
  for (const word of ['on', 'off', 'unknown'] as const) {
    const { driver } = await program(t, `echo ' ${word} '`);
    t.deepEqual(await driver.state(board, signal), { ok: true, value: word });
  }
  const { driver } = await program(t, 'echo maybe');
  const end = await driver.state(board, signal);
  t.regex(end.ok ? '' : end.error.detail, /it has to say on, off or unknown: maybe$/);
});

test('what it says when it fails is told, without what could steer a terminal', async (t) => {
  const { driver } = await program(t, `printf 'no such\\033[2J port\\n' >&2; exit 3`);
  const end = await driver.switch('off', board, signal);
  t.like(end, { ok: false, error: { code: 'POWER_COMMAND_FAILED' } });
  t.regex(end.ok ? '' : end.error.detail, /off worker-kube1 \S+ \S+: ended with 3: no such \[2J port$/);
});

test('one that is not there fails in words', async (t) => {
  const driver = powerDriver({ command: '/no/such/program', shell: systemShell });
  const end = await driver.switch('on', board, signal);
  t.regex(end.ok ? '' : end.error.detail, /\/no\/such\/program/);
});

test('one that hangs is not waited for: that is a failure, told as such', async (t) => {
  let asked = 0;
  const driver = powerDriver({
    command: '/opt/poe',
    shell: async (_program, _args, { timeout }) => {
      asked = timeout;
      return { code: 124, stdout: '', stderr: '' };
    },
  });
  const end = await driver.switch('off', board, signal);
  t.is(asked, 30_000);
  t.regex(end.ok ? '' : end.error.detail, /not through after 30 s$/);
});

test('by hand: nothing is switched, and nothing is known', async (t) => {
  const driver = powerDriver({ command: undefined, shell: () => Promise.reject(new Error('asked')) });
  t.is(driver.name, 'manual');
  t.true((await driver.switch('off', board, signal)).ok);
  t.deepEqual(await driver.state(board, signal), { ok: true, value: 'unknown' });
});
