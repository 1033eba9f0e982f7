/** The installer in a board's own boot partition: real OpenSSH and its programs; only blkid and systemctl are stand-ins. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { must, ok, problem, type Result } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';
import { type InstallerWish, type OwnFile, startIntoInstaller } from '../../daemon/app/boards/reinstall-board.ts';
import { CONFIG_MARK, renderOwnConfigTxt } from '../../daemon/boot/own-partition.ts';
import type { SshSession } from '../../daemon/join/index.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import { memorySource } from '../../image-builder/index.ts';
import { startSshd } from './join-board.ts';

const key = generateSshKeyPair('daemon');
const boot = '/boot/firmware';
const disk = '/sys/class/block/mmcblk0';
const oldConfig = '# the board’s own\narm_64bit=1\n';

/**
 * The board's own mounts. A tmpfs stands in for the vfat, which this kernel may not have; its source is what mountinfo shows.
 * `systemctl` writes down that it was asked.
 */
const prepare = `bin=$(dirname "$(command -v kubeadm)")
printf '#!/bin/sh\\necho 4272-616D\\n' > "$bin/blkid"
printf '#!/bin/sh\\necho "$@" >> /run/asked\\n' > "$bin/systemctl"
cp "$bin/systemctl" "$bin/reboot"
chmod 755 "$bin/blkid" "$bin/systemctl" "$bin/reboot"
umount ${boot} /boot /sys/class/block 2> /dev/null || true
mount -t tmpfs block /sys/class/block
mkdir -p ${disk}/mmcblk0p1
ln -s mmcblk0/mmcblk0p1 /sys/class/block/mmcblk0p1
echo 2048 > ${disk}/mmcblk0p1/start
echo 8192 > ${disk}/mmcblk0p1/size
echo 40000 > ${disk}/size
rm -f /run/asked
mount -t tmpfs boot /boot
mkdir -p ${boot}
mount -t tmpfs -o size=3m /dev/mmcblk0p1 ${boot}
mkdir ${boot}/bramble
printf '{"deviceId":"d-0123456789ab","clusterId":"c","arming":"a"}' > ${boot}/bramble/board.json
printf 'firmware\\0os_prefix\\0' > ${boot}/start4.elf
cat > ${boot}/config.txt`;

/** By SSH, as the daemon does it. */
async function onBoard<T>(t: ExecutionContext, work: (session: SshSession) => Promise<T>): Promise<T> {
  const { host, port, hostKey } = await startSshd(t, { authorized: key.publicLine });
  const target = { host, port, username: 'root', privateKey: key.privateOpenssh, hostKeys: [hostKey.publicLine] };
  const end = await withSsh(
    { ...target, signal: new AbortController().signal, timeout: seconds(60) },
    async (session) => {
      await prepared(t, session);
      return work(session);
    },
  );
  return must(end);
}

const prepared = async (t: ExecutionContext, session: SshSession): Promise<void> => {
  const end = must(await session.run('sh', ['-euc', prepare], { stdin: oldConfig }));
  t.deepEqual(end, { code: 0, stdout: '', stderr: '' });
};

/** A double of a session: the same programs on the same board, without the hundreds of round trips. */
async function localDouble(t: ExecutionContext): Promise<SshSession> {
  const { root } = await startSshd(t, { authorized: key.publicLine });
  const first = root.split('/')[2] ?? '';
  const own = (await readFile(`/proc/${first}/mounts`, 'utf8')).split('\n').find((line) => line.includes('/own tmpfs'));
  const bin = `${own?.split(' ')[1]}/bin`;
  const run: SshSession['run'] = async (program, args, { stdin } = {}) => {
    const inside = ['--target', first, '--mount', '--pid', program, ...args];
    const child = spawn('nsenter', inside, { stdio: 'pipe', env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` } });
    child.stdin.on('error', () => undefined);
    if (typeof stdin === 'object') Readable.from(stdin).pipe(child.stdin);
    else child.stdin.end(stdin);
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return ok({ code: Number(code), stdout, stderr });
  };
  const put = async (path: string, bytes: Uint8Array): Promise<Result<void, never>> => {
    await writeFile(`${root}${path}.new`, bytes);
    await rename(`${root}${path}.new`, `${root}${path}`);
    return ok(undefined);
  };
  return {
    run,
    putFile: (path, content) => put(path, Buffer.from(content)),
    putBytes: async (path, source) => {
      const bytes = new Uint8Array(source.size);
      await source.read(bytes, 0);
      return put(path, bytes);
    },
  };
}

const file = (path: string, bytes: Uint8Array): OwnFile => ({
  path,
  source: memorySource(bytes),
  sha256: createHash('sha256').update(bytes).digest('hex'),
});
const wish: InstallerWish = {
  deviceId: 'd-0123456789ab',
  firmware: 'start4.elf',
  files: [
    file('bramble/bramble-installer.cpio.gz', randomBytes(100_001)),
    file('bramble/kernel8.img', randomBytes(700_000)),
    file('bramble/bcm2711-rpi-4-b.dtb', randomBytes(50_000)),
  ],
  // With the boot partition behind it, and a GPT's copy, to the last sector.
  imageBytes: (40_000 - 8192 - 33) * 512,
  config: renderOwnConfigTxt('kernel8.img'),
  cmdline: (volumeId) => `rdinit=/init bramble.card=${volumeId}\n`,
};

const shell = async (session: SshSession, script: string): Promise<string> =>
  must(await session.run('sh', ['-c', script])).stdout;
/** The restart comes a second later. */
const asked = (session: SshSession): Promise<string> =>
  shell(session, 'for i in $(seq 100); do [ ! -s /run/asked ] || break; sleep 0.1; done; cat /run/asked');
const sums = (session: SshSession): Promise<string> =>
  shell(session, `cd ${boot}; sha256sum bramble/*.gz bramble/*.img bramble/*.dtb 2>/dev/null`);
const wholeSums = [...wish.files]
  .sort((a, b) => (a.path.endsWith('.gz') ? -1 : b.path.endsWith('.gz') ? 1 : b.path.localeCompare(a.path)))
  .map(({ path, sha256 }) => `${sha256}  ${path}\n`)
  .join('');
const codeOf = (end: Result<void, { readonly code: string }>): string => (end.ok ? 'ok' : end.error.code);

test('all files arrive whole, config.txt points at them, the old one is kept, and the board restarts', async (t) => {
  t.timeout(240_000);
  await onBoard(t, async (session) => {
    t.is(codeOf(await startIntoInstaller(session, wish)), 'ok');
    t.is(await sums(session), wholeSums);
    t.is(await shell(session, `cat ${boot}/bramble/cmdline.txt`), 'rdinit=/init bramble.card=4272-616D\n');
    t.is(await shell(session, `cat ${boot}/config.txt.bramble`), oldConfig);
    t.is(await shell(session, `cat ${boot}/config.txt`), wish.config);
    t.is(await shell(session, `ls ${boot} ${boot}/bramble | grep -c new`), '0\n', 'nothing half-done is left');
    t.is(await asked(session), 'reboot\n');
    // Once more, as after a restart of the daemon: what is there is not sent again, what was kept is not overwritten.
    const inodes = await shell(session, `ls -i ${boot}/bramble/kernel8.img`);
    t.is(codeOf(await startIntoInstaller(session, wish)), 'ok');
    t.is(await shell(session, `ls -i ${boot}/bramble/kernel8.img`), inodes);
    t.is(await shell(session, `cat ${boot}/config.txt.bramble`), oldConfig);
  });
});

test('cut off after any step: the firmware finds the old system or the whole installer, and the next try ends it', async (t) => {
  t.timeout(240_000);
  const session = await localDouble(t);
  let steps = 0;
  for (let cut = 1; ; cut++) {
    await prepared(t, session);
    steps = 0;
    const lost = problem('SSH_CLOSED', 'the power is gone');
    const isLost = () => {
      steps += 1;
      return steps > cut;
    };
    const failing: SshSession = {
      run: async (...args) => (isLost() ? lost : session.run(...args)),
      putFile: async (...args) => (isLost() ? lost : session.putFile(...args)),
      putBytes: async (...args) => (isLost() ? lost : session.putBytes(...args)),
    };
    const end = await startIntoInstaller(failing, wish);
    const config = await shell(session, `cat ${boot}/config.txt`);
    if (config.startsWith(CONFIG_MARK)) {
      t.is(await sums(session), wholeSums, `cut ${cut}`);
      t.is(await shell(session, `cat ${boot}/config.txt.bramble`), oldConfig);
    } else t.is(config, oldConfig, `cut ${cut}`);
    if (end.ok) break;
    t.is(codeOf(await startIntoInstaller(session, wish)), 'ok', `cut ${cut}: again`);
    t.is(await sums(session), wholeSums);
    t.is(await shell(session, `cat ${boot}/config.txt.bramble`), oldConfig);
  }
  t.true(steps > 10, `${steps} steps`);
});

const refusals: readonly (readonly [code: string, script: string, change?: Partial<InstallerWish>])[] = [
  ['BOOT_FOREIGN', 'true', { deviceId: 'd-00000000000f' }],
  ['BOOT_FOREIGN', `rm ${boot}/bramble/board.json`],
  ['BOOT_FOREIGN', `echo '"nonsense' > ${boot}/bramble/board.json`],
  ['BOOT_FOREIGN', `printf '#!/bin/sh\necho 0f0e-4711-abcd\n' > "$(command -v blkid)"`],
  ['BOOT_NOT_MOUNTED', `umount ${boot}`],
  ['BOOT_READ_ONLY', `mount -o remount,ro ${boot}`],
  ['FIRMWARE_TOO_OLD', `echo 'of 2016' > ${boot}/start4.elf`],
  ['DISK_TOO_SMALL', 'true', { imageBytes: wish.imageBytes + 1 }],
  ['DISK_TOO_SMALL', `echo 18000 > ${disk}/size`, { imageBytes: 1_200_000 }],
  ['BOOT_WRITE_FAILED', `rm ${disk}/mmcblk0p1/start`],
  ['BOOT_FULL', `head -c 2200000 /dev/zero > ${boot}/full`],
];
test('refused, and the board’s own system is what starts next', async (t) => {
  t.timeout(240_000);
  const session = await localDouble(t);
  for (const [code, script, change] of refusals) {
    await prepared(t, session);
    t.is(must(await session.run('sh', ['-c', script])).code, 0, script);
    t.is(codeOf(await startIntoInstaller(session, { ...wish, ...change })), code, script);
    if (code !== 'BOOT_NOT_MOUNTED') t.is(await shell(session, `cat ${boot}/config.txt`), oldConfig, script);
    t.is(await shell(session, 'cat /run/asked 2>/dev/null'), '', 'it was not restarted');
  }
});

test('a disk that is to be cleared needs no room for an image', async (t) => {
  const session = await localDouble(t);
  await prepared(t, session);
  await shell(session, `echo 11000 > ${disk}/size`);
  t.is(codeOf(await startIntoInstaller(session, wish)), 'DISK_TOO_SMALL');
  t.is(codeOf(await startIntoInstaller(session, { ...wish, imageBytes: 0 })), 'ok');
});

test('a firmware that nobody knows, or one in the EEPROM, is no hindrance', async (t) => {
  t.timeout(240_000);
  const session = await localDouble(t);
  await prepared(t, session);
  await shell(session, `rm ${boot}/start4.elf`);
  t.is(codeOf(await startIntoInstaller(session, wish)), 'ok');
  t.is(codeOf(await startIntoInstaller(session, { ...wish, firmware: undefined })), 'ok');
});
