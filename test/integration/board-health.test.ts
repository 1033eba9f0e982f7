/** A board's light and its health over a real sshd. The board has a sysfs tree of its own; vcgencmd and dmesg are stand-ins. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { millis, parseHostname, seconds } from '../../config/values.ts';
import { blinkLight } from '../../daemon/app/boards/board-light.ts';
import { healthScript, healthSigns } from '../../daemon/app/boards/health.ts';
import type { SshSession } from '../../daemon/join/index.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { until } from '../support/until.ts';
import { startSshd } from './join-board.ts';

const key = generateSshKeyPair('daemon');
const name = must(parseHostname('worker-kube1'));

/** $1 what its light is called. Its trigger is a plain file: what is written there is what it then says, without the brackets of sysfs. */
const prepare = `bin=$(dirname "$(command -v kubeadm)")
printf '#!/bin/sh\\nexit 1\\n' > "$bin/systemd-run"
printf '#!/bin/sh\\ncat /run/throttled\\n' > "$bin/vcgencmd"
printf '#!/bin/sh\\ncat /run/dmesg\\n' > "$bin/dmesg"
chmod 755 "$bin"/*
: > /run/dmesg
mount -t tmpfs sys /sys/class
mkdir -p "/sys/class/leds/$1" /sys/class/leds/PWR
for led in "$1" PWR; do
  echo 'none rc-feedback timer [mmc0] heartbeat' > "/sys/class/leds/$led/trigger"
  echo 0 > "/sys/class/leds/$led/brightness"
done`;

async function onBoard<T>(
  t: ExecutionContext,
  light: string,
  work: (connect: <R>(use: (session: SshSession) => Promise<R>) => Promise<R>) => Promise<T>,
): Promise<T> {
  const { host, port, hostKey } = await startSshd(t, { authorized: key.publicLine });
  const target = { host, port, username: 'root', privateKey: key.privateOpenssh, hostKeys: [hostKey.publicLine] };
  const signal = new AbortController().signal;
  const connect = async <R>(use: (session: SshSession) => Promise<R>): Promise<R> =>
    must(await withSsh({ ...target, signal, timeout: seconds(60) }, use));
  const end = must(await connect((session) => session.run('sh', ['-euc', prepare, 'sh', light])));
  t.deepEqual(end, { code: 0, stdout: '', stderr: '' });
  return await work(connect);
}

const shell = async (session: SshSession, script: string): Promise<string> =>
  must(await session.run('sh', ['-c', script])).stdout;

const becomes = (session: SshSession, script: string, wanted: string): Promise<true> =>
  until(`${script} says ${wanted}`, 60, async () => (await shell(session, script)) === wanted, 100);

for (const light of ['ACT', 'led0']) {
  test(`${light} blinks, goes on when the session is cut, and is afterwards as it was`, async (t) => {
    t.timeout(120_000);
    await onBoard(t, light, async (connect) => {
      const led = `/sys/class/leds/${light}`;
      t.true((await connect((session) => blinkLight(session, seconds(12)))).ok);
      await connect(async (session) => {
        await becomes(session, `cat ${led}/trigger`, 'none\n');
        await becomes(session, `cat ${led}/brightness`, '1\n');
        await becomes(session, `cat ${led}/brightness`, '0\n');
        // Somebody asks once more: it blinks already.
        t.true((await blinkLight(session, seconds(12))).ok);
        t.is(await shell(session, 'cat /run/bramble-locate.trigger'), 'mmc0\n');
        await becomes(session, `cat ${led}/trigger`, 'mmc0\n');
        await becomes(session, 'ls /run/bramble-locate* 2> /dev/null', '');
        t.is(await shell(session, 'cat /sys/class/leds/PWR/trigger'), 'none rc-feedback timer [mmc0] heartbeat\n');
      });
    });
  });
}

test('a light whose blinking is ended has its trigger back at once; killed, it has it back after the next call', async (t) => {
  t.timeout(120_000);
  await onBoard(t, 'ACT', (connect) =>
    connect(async (session) => {
      for (const signal of ['TERM', 'KILL']) {
        await shell(session, 'echo "none [mmc0]" > /sys/class/leds/ACT/trigger');
        t.true((await blinkLight(session, seconds(600))).ok);
        await becomes(session, 'cat /sys/class/leds/ACT/trigger', 'none\n');
        await shell(session, `kill -${signal} "$(cat /run/bramble-locate.pid)"`);
        if (signal === 'TERM') await becomes(session, 'cat /sys/class/leds/ACT/trigger', 'mmc0\n');
      }
      // What the kernel shows by now is our own "none": the noted one counts.
      await shell(session, 'echo "[none] mmc0" > /sys/class/leds/ACT/trigger');
      t.true((await blinkLight(session, millis(500))).ok);
      await becomes(session, 'cat /sys/class/leds/ACT/trigger', 'mmc0\n');
    }),
  );
});

test('a system that shows no light says so', async (t) => {
  t.timeout(120_000);
  await onBoard(t, 'power', (connect) =>
    connect(async (session) => {
      const end = await blinkLight(session);
      t.is(end.ok ? '' : end.error.code, 'NO_LIGHT');
    }),
  );
});

test('health: power, heat, a failing card, by what the board’s own programs say', async (t) => {
  t.timeout(120_000);
  await onBoard(t, 'ACT', (connect) =>
    connect(async (session) => {
      const signs = async (script: string): Promise<readonly string[]> => {
        await shell(session, script);
        return healthSigns(await shell(session, healthScript), name).map(({ sentence }) => sentence);
      };
      // What this machine's own disk is like is not the test's business.
      const others = (await signs('echo throttled=0x0 > /run/throttled')).filter((one) => one.includes('full'));
      const told = async (script: string) => (await signs(script)).filter((one) => !others.includes(one));
      t.deepEqual(await told('echo throttled=0x0 > /run/throttled'), []);
      t.regex(
        (await told('echo throttled=0x50005 > /run/throttled')).join(),
        /^its power supply is too weak: under-voltage now,it was throttled at times/,
      );
      t.deepEqual(await told('rm "$(command -v vcgencmd)"'), [], 'a board without vcgencmd says nothing of it');
      const disk = /^disk .*\/block\/(\w+)/m.exec(await shell(session, healthScript))?.[1] ?? 'mmcblk0';
      const card = await told(`echo "[ 12.3] blk_update_request: I/O error, dev ${disk}, sector 2048" > /run/dmesg`);
      t.is(card.length, 1);
      t.regex(card[0] ?? '', /fails: 1 error in the log of its kernel, the last: blk_update_request: I\/O error/);
    }),
  );
});
