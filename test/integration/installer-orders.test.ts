/** What the installer does with what it is told, and by whom: the real script, by busybox, over files. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { seconds } from '../../config/values.ts';
import type { SectorsPayload } from '../../daemon/http/endpoints/boot.ts';
import type { BootInstruction } from '../../daemon/http/order.ts';
import { daemonProof } from '../../daemon/http/proof.ts';
import type { ByteSource } from '../../daemon/ports.ts';
import { showDisk } from '../support/board-disks.ts';
import {
  baseOf,
  boot,
  bootFake,
  diskOf,
  emptyFolder,
  installOf,
  KEY,
  runInstaller,
  serveFake,
  serveFakeAt,
  stop,
  wait,
} from './installer-boot-fake.ts';

const execute = promisify(execFile);
const mebi = 1024 * 1024;
const payload: SectorsPayload = {
  runs: [{ sector: 0, count: 1, blobSector: 0 }],
  blob: Buffer.concat([Buffer.alloc(510, 7), Buffer.from([0x55, 0xaa])]),
};
const base = baseOf(2 * mebi);
const finished = Buffer.concat([payload.blob, base.subarray(512)]);
const wipe: BootInstruction = {
  action: 'wipe',
  state: 'wiping',
  message: 'clear it',
  arming: 'arm-1',
  disk: 'mmcblk0',
};

type Prove = NonNullable<Parameters<typeof bootFake>[0]['prove']>;
let recorded = '';
const liars: readonly (readonly [string, Prove])[] = [
  ['does not know the key', (text) => daemonProof(new Uint8Array(32), text)],
  ['proves nothing', () => ''],
  [
    'has another disk written',
    (text) => daemonProof(KEY, `daemon|${text.split('|').slice(1).with(4, 'sda').join('|')}`),
  ],
  [
    'repeats what was proven once',
    (text) => {
      if (recorded === '') recorded = daemonProof(KEY, text);
      // The first answer was to another question.
      return recorded;
    },
  ],
];
for (const [who, lie] of liars) {
  test(`an order of somebody who ${who} is not carried out`, async (t) => {
    const folder = await emptyFolder(t);
    const orders = [wait(), installOf(base, payload), wipe, boot, stop];
    const script = [...orders.map((order) => () => order), () => stop];
    const fake = bootFake({
      script,
      base,
      payload,
      prove: (text, reports) => (reports <= orders.length ? lie(text, reports) : daemonProof(KEY, text)),
    });
    const disk = await diskOf(folder, 4 * mebi);
    const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake), BRAMBLE_PAUSE: '0' });
    t.is(run.code, 10, run.log);
    t.is(fake.claims.length, orders.length + 1);
    t.false(run.rebooted);
    t.true((await readFile(disk)).every((byte) => byte === 0));
    t.regex(run.log, /does not prove that it may/);
    t.is(new Set(fake.claims.map(({ challenge }) => challenge)).size, fake.claims.length, 'a new question each time');
  });
}

test('an order for a disk that it did not tell of, or that is none, is not carried out', async (t) => {
  const folder = await emptyFolder(t);
  const strange = ['sda', 'disk', 'mmcblk0/../../x', ''];
  const fake = bootFake({
    script: [...strange.map((disk) => () => installOf(base, payload, { disk })), () => stop],
    base,
    payload,
  });
  const disk = await diskOf(folder, 4 * mebi);
  await writeFile(join(folder, 'dev/sda'), Buffer.alloc(4 * mebi));
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 10, run.log);
  t.is(fake.claims.length, strange.length + 1);
  for (const file of [disk, join(folder, 'dev/sda')]) t.true((await readFile(file)).every((byte) => byte === 0));
});

test('a disk that was changed after it was told of is not written: the daemon hears of it first', async (t) => {
  const folder = await emptyFolder(t);
  const disk = await diskOf(folder, 4 * mebi);
  const holiday = Buffer.alloc(4 * mebi, 'holiday');
  const fake = bootFake({ script: [() => installOf(base, payload), () => stop], base, payload });
  const { report } = fake;
  const changing = {
    ...fake,
    report: async (...told: Parameters<typeof report>) => {
      if (fake.claims.length === 0) await writeFile(disk, holiday);
      return report(...told);
    },
  };
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, changing) });
  t.is(run.code, 10, run.log);
  t.deepEqual(
    fake.claims.map(({ disks }) => disks[0]?.content),
    ['blank', 'foreign'],
  );
  t.true(holiday.equals(await readFile(disk)));
});

test('its disks are told by type, size and name; what is none, or cannot be written, is not', async (t) => {
  const folder = await emptyFolder(t);
  const file = join(folder, 'file');
  await writeFile(file, '');
  await truncate(file, 2 * mebi);
  for (const shown of [
    { name: 'mmcblk0', mmc: 'SD' as const, model: 'SC|32G ' },
    { name: 'mmcblk1', mmc: 'MMC' as const, model: 'BJTD4R' },
    { name: 'mmcblk1boot0', mmc: 'MMC' as const },
    { name: 'mmcblk1rpmb', mmc: 'MMC' as const },
    { name: 'nvme0n1', model: 'KINGSTON  OM8PGP4' },
    { name: 'nvme1n1', sectorBytes: 4096 },
    { name: 'sda', bus: 'platform/scb/usb1/1-1/host0', model: 'Ultra\u0007 Fit' },
    { name: 'sdb', bus: 'platform/ata1/host1' },
    { name: 'sdc', bus: 'platform/scb/usb1/1-2/host2', readOnly: true },
    { name: 'vda' },
    { name: 'loop0' },
    { name: 'ram0' },
    { name: 'zram0' },
    { name: 'sr0' },
  ]) {
    await showDisk(folder, { ...shown, file });
  }
  await showDisk(folder, { name: 'sdd', file, bytes: 0 });
  const fake = bootFake({ script: [() => stop] });
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.deepEqual(
    fake.claims[0]?.disks.map(({ name, type, model }) => `${name} ${type} ${model}`),
    [
      'mmcblk0 sd SC 32G',
      'mmcblk1 emmc BJTD4R',
      'nvme0n1 nvme KINGSTON OM8PGP4',
      'sda usb Ultra Fit',
      'sdb other DISK',
      'vda virtio DISK',
    ],
    run.log,
  );
  t.true(fake.claims[0]?.disks.every(({ bytes, content }) => bytes === 2 * mebi && content === 'blank'));
});

test('a disk that comes while it waits is told of', async (t) => {
  const folder = await emptyFolder(t);
  await diskOf(folder, 2 * mebi);
  const script = [() => wait(), () => stop];
  const fake = bootFake({ script });
  const { report } = fake;
  const growing = {
    ...fake,
    report: async (...told: Parameters<typeof report>) => {
      const file = join(folder, 'disk');
      if (fake.claims.length === 0) await showDisk(folder, { name: 'vda', file });
      return report(...told);
    },
  };
  await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, growing) });
  t.deepEqual(
    fake.claims.map(({ disks }) => disks.length),
    [1, 2],
  );
});

test('without an address, and with one where nobody answers, it finds the master that knows its key', async (t) => {
  const script = [() => stop];
  const [liar, master] = [bootFake({ script, prove: () => 'f'.repeat(64) }), bootFake({ script })];
  const { port } = await serveFakeAt(t, liar, '127.0.0.9', 0);
  await serveFakeAt(t, master, '127.0.0.77', port);
  for (const server of ['', `http://127.0.0.200:${port}`]) {
    const folder = await emptyFolder(t);
    await diskOf(folder, 2 * mebi);
    const run = await runInstaller(t, folder, {
      BRAMBLE_SERVER: server,
      BRAMBLE_INTERFACE: 'lo',
      BRAMBLE_SCOPE: 'host',
      BRAMBLE_PORT: String(port),
      BRAMBLE_PATIENCE: '0',
    });
    t.is(run.code, 10, run.log);
    t.regex(run.log, new RegExp(`the master is http://127\\.0\\.0\\.77:${port}`));
  }
  t.is(liar.claims.length, 0);
  t.is(master.claims.length, 2);
});

test('a daemon that is restarted in the middle: the stream goes on where it was', async (t) => {
  const folder = await emptyFolder(t);
  const large = baseOf(24 * mebi);
  const offsets: number[] = [];
  const restarted = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const fake = bootFake({
    script: [() => installOf(large, payload)],
    base: large,
    payload,
    open: (source) => {
      let first = true;
      return {
        ...source,
        read: async (into, offset) => {
          if (first) offsets.push(offset);
          first = false;
          if (offsets.length === 1 && offset > 9 * mebi) {
            restarted.resolve();
            await stopped.promise;
            throw new Error('the daemon is gone');
          }
          return await source.read(into, offset);
        },
      };
    },
  });
  const served = await serveFakeAt(t, fake, '127.0.0.1', 0);
  const disk = await diskOf(folder, 32 * mebi);
  const running = runInstaller(t, folder, { BRAMBLE_SERVER: served.url });
  await restarted.promise;
  const gone = served.stop();
  stopped.resolve();
  await gone;
  await serveFakeAt(t, fake, '127.0.0.1', served.port);
  const run = await running;
  t.is(run.code, 0, run.log);
  t.true(offsets.length >= 2 && (offsets[1] ?? 0) >= mebi, `went on at ${offsets}`);
  t.true(Buffer.from(large.subarray(512)).equals((await readFile(disk)).subarray(512, large.length)));
});

test('progress that the daemon does not take: the installer stops writing and reports; once is no reason', async (t) => {
  for (const refusals of [1, Number.POSITIVE_INFINITY]) {
    const folder = await emptyFolder(t);
    const large = baseOf(32 * mebi);
    // At the pace of a network, so that there are seconds to tell about.
    const pace = (source: ByteSource): ByteSource => ({
      ...source,
      read: async (into, offset) => {
        await setTimeout((into.length / (4 * mebi)) * 1000);
        return source.read(into, offset);
      },
    });
    const fake = bootFake({ script: [() => installOf(large, payload), () => stop], base: large, payload, open: pace });
    let asked = 0;
    const refusing = { ...fake, progress: async () => ++asked > refusals };
    const disk = await diskOf(folder, 40 * mebi);
    const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, refusing) });
    const last = (await readFile(disk)).subarray(large.length - mebi, large.length);
    const whole = refusals === 1;
    t.deepEqual([run.code, run.rebooted], whole ? [0, true] : [10, false], run.log);
    t.is(last.equals(large.subarray(-mebi)), whole);
    t.deepEqual(fake.failures, []);
    t.true(asked >= 3);
  }
});

test('sectors of an arming that is not its own, or that are not those of the order: no system', async (t) => {
  for (const order of [
    installOf(base, payload, { arming: 'arm-2' }),
    installOf(base, payload, { sectorsSha256: 'f'.repeat(64) }),
  ]) {
    const folder = await emptyFolder(t);
    const disk = await diskOf(folder, 4 * mebi);
    const fake = bootFake({ script: [() => order, () => stop], base, payload });
    const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
    t.is(run.code, 10, run.log);
    t.is(fake.failures[0]?.code, 'SECTORS_FAILED');
    t.deepEqual(fake.installations, []);
    t.true((await readFile(disk)).subarray(0, 512).every((byte) => byte === 0));
    t.is(fake.claims[1]?.disks[0]?.content, 'ours', 'and it starts over from its report');
    const [log] = fake.logs;
    t.is(log?.mac, fake.claims[0]?.mac);
    t.regex(log?.text ?? '', /writing 2097152 bytes to mmcblk0\n.*SECTORS_FAILED/s);
    t.false(log?.text.includes(KEY.toString('hex')));
  }
});

test('an index with sector 0 in its middle, or without it, is not carried out', async (t) => {
  const at = (sector: number, count = 1) => ({ sector, count, blobSector: 0 });
  for (const runs of [[at(0), at(5)], [at(5)], [at(0, 2)], [at(5), at(0), at(0)], [at(4096), at(0)], []]) {
    const folder = await emptyFolder(t);
    await diskOf(folder, 4 * mebi);
    const bad = { runs, blob: new Uint8Array(1024) };
    const fake = bootFake({ script: [() => installOf(base, bad), () => stop], base, payload: bad });
    const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
    t.is(fake.failures[0]?.code, 'SECTORS_FAILED', run.log);
    t.deepEqual(fake.installations, []);
  }
});

test('a join card that has another disk written is left as it is, and is to be taken out', async (t) => {
  const folder = await emptyFolder(t);
  const card = await diskOf(folder, 4 * mebi, 'the card');
  const before = await readFile(card);
  const nvme = join(folder, 'nvme');
  await writeFile(nvme, '');
  await truncate(nvme, 4 * mebi);
  await showDisk(folder, { name: 'nvme0n1', file: nvme });
  const order = installOf(base, payload, { disk: 'nvme0n1' });
  const fake = bootFake({ script: [() => order], base, payload });
  const { installed } = fake;
  const watching = {
    ...fake,
    installed: async (...told: Parameters<typeof installed>) => {
      await rm(join(folder, 'sys/block/mmcblk0'));
      return installed(...told);
    },
  };
  const run = await runInstaller(t, folder, {
    BRAMBLE_SERVER: await serveFake(t, watching),
    BRAMBLE_SOURCE: 'join-card',
    BRAMBLE_CARD: 'mmcblk0',
  });
  t.is(run.code, 0, run.log);
  t.regex(run.log, /take the join card out: the system is on nvme0n1/);
  t.is(fake.claims[0]?.card, 'mmcblk0');
  t.true(before.equals(await readFile(card)));
  t.true(finished.equals((await readFile(nvme)).subarray(0, finished.length)));
});

test('told to start from the card that it was started from, it does not go round in circles', async (t) => {
  const folder = await emptyFolder(t);
  await diskOf(folder, 4 * mebi, 'the card');
  const order: BootInstruction = { action: 'boot', state: 'ready', message: 'done', disk: 'mmcblk0' };
  const fake = bootFake({ script: [() => order, () => order, () => stop] });
  const run = await runInstaller(t, folder, {
    BRAMBLE_SERVER: await serveFake(t, fake),
    BRAMBLE_SOURCE: 'join-card',
    BRAMBLE_CARD: 'mmcblk0',
    BRAMBLE_PAUSE: '0',
  });
  t.is(run.code, 10, run.log);
  t.false(run.rebooted);
  t.is(fake.claims.length, 3);
});

test('wipe: both ends of a disk that cannot discard are cleared, and it says so', async (t) => {
  const folder = await emptyFolder(t);
  const disk = await diskOf(folder, 40 * mebi, Buffer.alloc(40 * mebi, 'x'));
  const fake = bootFake({ script: [() => wipe, () => stop] });
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 10, run.log);
  t.deepEqual(fake.wipes, ['its first and last 16 MiB were cleared; the disk cannot discard the rest']);
  const after = await readFile(disk);
  t.true([after.subarray(0, 16 * mebi), after.subarray(24 * mebi)].every((end) => end.every((byte) => byte === 0)));
  t.is(after[20 * mebi], 'x'.charCodeAt(0));
  t.deepEqual(
    fake.claims.map(({ disks }) => disks[0]?.content),
    ['foreign', 'blank'],
  );
});

test('wipe: a block device that can discards all of it', async (t) => {
  const folder = await emptyFolder(t);
  const file = join(folder, 'file');
  await writeFile(file, Buffer.alloc(40 * mebi, 'x'));
  const { stdout } = await execute('losetup', ['--find', '--show', file]);
  const device = stdout.trim();
  t.teardown(() => execute('losetup', ['--detach', device]));
  await showDisk(folder, { name: 'mmcblk0', file: device, bytes: 40 * mebi, mmc: 'SD' });
  const fake = bootFake({ script: [() => wipe, () => stop] });
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 10, run.log);
  t.deepEqual(fake.wipes, ['all of it was discarded, its first and last 16 MiB cleared']);
  t.true((await readFile(file)).every((byte) => byte === 0));
});

test('its light blinks while it goes on asking, and is then as it was', async (t) => {
  const folder = await emptyFolder(t);
  await diskOf(folder, 2 * mebi);
  const light = join(folder, 'sys/class/leds/ACT');
  await mkdir(light, { recursive: true });
  await writeFile(join(light, 'trigger'), 'none timer [mmc0] heartbeat\n');
  await writeFile(join(light, 'brightness'), '255\n');
  const seen = new Set<string>();
  const fake = bootFake({ script: [() => ({ ...wait(), blink: seconds(2) })] });
  const { report } = fake;
  const watching = {
    ...fake,
    report: async (...told: Parameters<typeof report>): Promise<BootInstruction> => {
      const trigger = (await readFile(join(light, 'trigger'), 'utf8')).trim();
      const order = await report(...told);
      if (seen.has('none') && trigger === 'mmc0') return stop;
      seen.add(trigger);
      return seen.size === 1 ? order : wait();
    },
  };
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, watching) });
  t.is(run.code, 10, run.log);
  t.true(seen.has('none'), 'the trigger was taken off meanwhile');
  t.is((await readFile(join(light, 'trigger'), 'utf8')).trim(), 'mmc0');
});

const TMPFS = 0x01021994;
test('what it writes and reads back does not fill the memory of the board', async (t) => {
  const folder = await emptyFolder(t);
  // A file system in memory has nothing but its page cache.
  if ((await statfs(folder)).type === TMPFS) return t.pass('no disk here to look at');
  const large = baseOf(48 * mebi);
  const disk = await diskOf(folder, 64 * mebi);
  const fake = bootFake({ script: [() => installOf(large, payload)], base: large, payload });
  const cached: number[] = [];
  const { installed } = fake;
  const watching = {
    ...fake,
    installed: async (...told: Parameters<typeof installed>) => {
      const { stdout } = await execute('fincore', ['--bytes', '--noheadings', '--output', 'RES', disk]);
      cached.push(Number(stdout.trim()));
      return installed(...told);
    },
  };
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, watching) });
  t.is(run.code, 0, run.log);
  const [bytes = Number.NaN] = cached;
  t.true(bytes < 8 * mebi, `${bytes} bytes of the disk are in memory`);
});
