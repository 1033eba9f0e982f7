/** How a board ends its containers and switches itself off: the scripts that it is sent, run for real; systemd is a stand-in. */
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must, ok, problem } from '../../config/result.ts';
import type { Driver, JoinBoard, SshSession } from '../../daemon/join/driver.ts';
import { stopScript } from '../../daemon/join/k3s-scripts.ts';
import type { Work } from '../../daemon/join/on-board.ts';
import { switchOff } from '../../daemon/join/switch-off.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { createLogDouble } from '../support/doubles.ts';
import { finish, startProgram } from '../support/program.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;
const board = { name: 'worker-kube1' } as JoinBoard;

/** A board that has these programs besides the plain ones; each writes down its words. */
async function boardWith(t: ExecutionContext, programs: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-off-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const name of ['sh', 'sleep', 'sync', 'setsid']) await symlink(`/usr/bin/${name}`, join(folder, name));
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${folder}/calls\n${body}\n`);
    await chmod(join(folder, name), 0o755);
  }
  const session = {
    run: async (program: string, args: readonly string[]) =>
      ok(await finish(startProgram([join(folder, program), ...args], { env: { PATH: folder } }))),
  } as unknown as SshSession;
  const log = createLogDouble();
  const work = {
    ...{ clock: systemClock, log, transfers: async () => Promise.reject(new Error('not asked')) },
    onBoard: (_board: unknown, _signal: unknown, job: (session: SshSession) => unknown) => job(session),
  } as unknown as Work;
  const calls = async () => (await readFile(join(folder, 'calls'), 'utf8').catch(() => '')).trim().split('\n');
  return { work, log, calls };
}

const driver = (stop: Driver['stop']): Pick<Driver, 'stop'> => (stop === undefined ? {} : { stop });

test('it stops in order, and systemd switches it off two seconds later, so that the session ends well', async (t) => {
  const { work, calls } = await boardWith(t, { 'systemd-run': '', systemctl: '' });
  const stopped: string[] = [];
  must(
    await switchOff(
      work,
      driver(async () => ok(void stopped.push(...(await calls())))),
      board,
      signal,
    ),
  );
  t.deepEqual(stopped, [''], 'first of all');
  t.deepEqual(await calls(), [
    'systemd-run --quiet --on-active=2 --timer-property=AccuracySec=200ms systemctl poweroff',
  ]);
});

test('without a timer of systemd’s it has a process of its own for that, and tries what else there is', async (t) => {
  const { work, calls } = await boardWith(t, { systemctl: 'exit 1', poweroff: '' });
  must(await switchOff(work, undefined, board, signal));
  t.deepEqual(await calls(), [''], 'not while the session lasts');
  await until('it goes', 30, async () => (await calls()).length === 2);
  t.deepEqual(await calls(), ['systemctl poweroff', 'poweroff']);
});

test('what does not stop goes down with the system: that is told, and no reason to leave it on', async (t) => {
  const { work, log, calls } = await boardWith(t, { 'systemd-run': '', systemctl: '' });
  const failing = driver(async () => problem('SSH_TIMEOUT', 'it hangs'));
  must(await switchOff(work, failing, board, signal));
  t.is((await calls()).length, 1);
  t.like(log.find('a board is switched off without having stopped its containers'), {
    fields: { code: 'SSH_TIMEOUT' },
  });
});

/** What a k3s agent leaves running when it is stopped: a program of its own, and two containers below it, one of which does not listen. */
const containers = `for place in /var /run; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -p /var/tmp /var/bin /var/lib/rancher/k3s/data/1/bin
printf '#!/bin/sh\\necho "$*" >> /var/calls\\n' > /var/bin/systemctl; chmod 755 /var/bin/systemctl; PATH=/var/bin:$PATH
cp /bin/sh /var/lib/rancher/k3s/data/1/bin/shim
polite='trap "echo asked > /var/asked; exit" TERM; echo $$ > /var/runs-1; while :; do sleep 0.1; done'
deaf='trap "" TERM; echo $$ > /var/runs-2; while :; do sleep 0.1; done'
/var/lib/rancher/k3s/data/1/bin/shim -c 'sh -c "$0" & sh -c "$1" & wait' "$polite" "$deaf" &
sleep 1000 & mine=$!
while [ ! -s /var/runs-1 ] || [ ! -s /var/runs-2 ]; do sleep 0.05; done
sh -c "$SCRIPT"; cat /var/calls /var/asked
for exe in /proc/[0-9]*/exe; do case $(readlink "$exe") in */shim) echo "left: $exe" ;; esac; done
for pid in $(cat /var/runs-1 /var/runs-2); do ! kill -0 "$pid" 2> /dev/null || echo "left: container $pid"; done
kill -0 $mine && echo 'nobody else was touched'; kill $mine`;

test('k3s: the agent first, then its containers are asked to end, and what does not is ended', async (t) => {
  if (process.getuid?.() !== 0) {
    t.log('not run: it needs root');
    return t.pass();
  }
  const alone = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    '--propagation',
    'private',
  ];
  const program = startProgram([...alone, 'bash', '-uc', containers], { env: { SCRIPT: stopScript } });
  const { stdout, stderr } = await finish(program, { deadlineMs: 120_000 });
  t.deepEqual(stdout.trim().split('\n'), [...['stop k3s-agent', 'asked', 'nobody else was touched']], stderr);
});
