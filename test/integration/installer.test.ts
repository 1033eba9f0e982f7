import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { DiskClaim } from '../../daemon/http/claim.ts';
import { bootProof, isBootProof } from '../../daemon/http/proof.ts';
import { makeFatDisk } from '../support/fat-disk.ts';
import {
  baseOf,
  boot,
  bootFake,
  diskOf,
  emptyFolder,
  installOf,
  runInstaller,
  runningArguments,
  serveFake,
  stop,
  wait,
} from './installer-boot-fake.ts';

const mebi = 1024 * 1024;

/** Three runs, sector 0 last; the blob is in another order than the disk. */
function payloadOf(): { runs: { sector: number; count: number; blobSector: number }[]; blob: Uint8Array } {
  const blob = new Uint8Array(512 * 6);
  for (let sector = 0; sector < 6; sector += 1) blob.fill(0x41 + sector, sector * 512, (sector + 1) * 512);
  blob.set([0x55, 0xaa], 510);
  return {
    runs: [
      { sector: 9000, count: 3, blobSector: 3 },
      { sector: 17, count: 2, blobSector: 1 },
      { sector: 0, count: 1, blobSector: 0 },
    ],
    blob,
  };
}

function expectedDisk(base: Uint8Array, bytes: number): Uint8Array {
  const disk = new Uint8Array(bytes);
  disk.set(base);
  const { runs, blob } = payloadOf();
  for (const { sector, count, blobSector } of runs) {
    disk.set(blob.subarray(blobSector * 512, (blobSector + count) * 512), sector * 512);
  }
  return disk;
}

test('a blank disk: waits, then writes base and sectors byte for byte, reports and restarts', async (t) => {
  const folder = await emptyFolder(t);
  // Not a multiple of the block of 64 KiB, and more than one chunk.
  const base = baseOf(20 * mebi + 3 * 512);
  const fake = bootFake({ script: [() => wait(), () => installOf(base, payloadOf())], base, payload: payloadOf() });
  const disk = await diskOf(folder, 24 * mebi);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 0, run.log);
  t.true(run.rebooted);
  t.deepEqual(fake.failures, []);
  const written = new Uint8Array(await readFile(disk));
  t.true(Buffer.from(expectedDisk(base, 24 * mebi)).equals(written));
  t.is(fake.installations.length, 1);
  t.is(fake.claims.length, 2);
  t.like(fake.claims[0], {
    mac: 'dc:a6:32:01:02:03',
    serial: '10000000abcdef01',
    model: 'pi4',
    modelText: 'Raspberry Pi 4 Model B Rev 1.4',
    source: 'netboot',
    proof: undefined,
    disks: [
      { name: 'mmcblk0', type: 'sd', bytes: 24 * mebi, content: 'blank', clusterId: '', deviceId: '', model: 'SC32G' },
    ],
  });
  t.true(fake.progressed.length > 0);
});

test('a disk of exactly the base size is written too', async (t) => {
  const folder = await emptyFolder(t);
  const base = baseOf(6 * mebi);
  const fake = bootFake({ script: [() => installOf(base, payloadOf())], base, payload: payloadOf() });
  const disk = await diskOf(folder, 6 * mebi);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 0, run.log);
  t.true(Buffer.from(expectedDisk(base, 6 * mebi)).equals(await readFile(disk)));
});

test('a connection that breaks in the middle goes on where it was', async (t) => {
  const folder = await emptyFolder(t);
  const base = baseOf(20 * mebi);
  const offsets: number[] = [];
  const fake = bootFake({
    script: [() => installOf(base, payloadOf())],
    base,
    payload: payloadOf(),
    open: (source, opening) => {
      let first: number | undefined;
      return {
        ...source,
        read: (into, offset) => {
          if (first === undefined) offsets.push(offset);
          first ??= offset;
          // A read that fails makes the server cut the connection.
          if (opening === 1 && offset > 11 * mebi) return Promise.reject(new Error('the cable was pulled'));
          return source.read(into, offset);
        },
      };
    },
  });
  const disk = await diskOf(folder, 24 * mebi);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 0, run.log);
  t.is(offsets.length, 2);
  t.is(offsets[0], 0);
  t.true((offsets[1] ?? 0) > 8 * mebi - 1, `went on at ${offsets[1]}`);
  t.regex(run.log, /the connection broke/);
  t.true(Buffer.from(expectedDisk(base, 24 * mebi)).equals(await readFile(disk)));
});

test('a base that reads back differently is reported, sector 0 stays clear, and it starts over', async (t) => {
  const folder = await emptyFolder(t);
  const base = baseOf(4 * mebi);
  const spoilt: number[] = [];
  const fake = bootFake({
    script: [() => installOf(base, payloadOf()), () => stop],
    base,
    payload: payloadOf(),
    open: (source) => ({
      ...source,
      read: async (into, offset) => {
        const got = await source.read(into, offset);
        if (spoilt.length === 0 && offset > 0) {
          into[7] = (into[7] ?? 0) ^ 1;
          spoilt.push(offset);
        }
        return got;
      },
    }),
  });
  const disk = await diskOf(folder, 8 * mebi);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 10, run.log);
  t.false(run.rebooted);
  t.is(fake.failures[0]?.code, 'VERIFY_FAILED');
  t.deepEqual(fake.installations, []);
  t.true((await readFile(disk)).subarray(0, 512).every((byte) => byte === 0));
  // A half-written disk is known as our own doing.
  t.is(fake.claims[1]?.disks[0]?.content, 'ours');
});

test('a system larger than the disk is refused before anything is written', async (t) => {
  const folder = await emptyFolder(t);
  const base = baseOf(4 * mebi);
  const fake = bootFake({ script: [() => installOf(base, payloadOf()), () => boot], base, payload: payloadOf() });
  const disk = await diskOf(folder, 2 * mebi, 'a foreign system');
  const before = await readFile(disk);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 0, run.log);
  t.is(fake.failures[0]?.code, 'DISK_TOO_SMALL');
  t.true(before.equals(await readFile(disk)));
});

test('sectors that point outside the disk are refused', async (t) => {
  const folder = await emptyFolder(t);
  const base = baseOf(2 * mebi);
  const payload = { runs: [{ sector: 1e9, count: 1, blobSector: 0 }], blob: new Uint8Array(512) };
  const fake = bootFake({ script: [() => installOf(base, payload), () => stop], base, payload });
  await diskOf(folder, 4 * mebi);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 10, run.log);
  t.is(fake.failures[0]?.code, 'SECTORS_FAILED');
});

test('what is on the disk is told apart', async (t) => {
  const cases: readonly (readonly [string, number, Buffer, DiskClaim['content'] | undefined])[] = [
    ['no disk', 0, Buffer.alloc(0), undefined],
    ['zeros', 8 * mebi, Buffer.alloc(0), 'blank'],
    ['a partition table', 8 * mebi, Buffer.concat([Buffer.alloc(510), Buffer.from([0x55, 0xaa])]), 'foreign'],
    ['bytes in the first MiB', 8 * mebi, Buffer.concat([Buffer.alloc(700_000), Buffer.from('x')]), 'foreign'],
    [
      'a GPT copy at the end',
      8 * mebi,
      Buffer.concat([Buffer.alloc(8 * mebi - 512), Buffer.from('EFI PART')]),
      'foreign',
    ],
  ];
  for (const [what, bytes, start, want] of cases) {
    const folder = await emptyFolder(t);
    t.is(await contentOf(t, folder, await diskOf(folder, bytes, start)), want, what);
  }
});

async function fatDisk(folder: string, kind: '16' | '32', files: Readonly<Record<string, string>>): Promise<string> {
  const disk = await diskOf(folder, 48 * mebi);
  const clusterSectors = kind === '16' ? 4 : 1;
  await makeFatDisk({ file: disk, bytes: 48 * mebi, kind, sectors: 90112, clusterSectors, files });
  return disk;
}

const board = '{"deviceId":"d-0123456789ab","clusterId":"c","arming":"a"}\n';
const joinConf = 'server=http://192.168.1.10:8067\ncluster-key=00\ncluster=c\n';
/** So many that the root directory has several clusters. */
const kernels = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`bcm2711-rpi-${index}.dtb`, 'dtb']));
for (const kind of ['16', '32'] as const) {
  for (const [what, files, want] of [
    ['nothing', {}, 'empty'],
    ['one file', { 'DCIM.JPG': 'holiday' }, 'foreign'],
    ['a folder', { 'DCIM/1.JPG': 'holiday' }, 'foreign'],
    ['another system', { ...kernels, 'config.txt': 'arm_64bit=1\n' }, 'foreign'],
    ['a system of ours', { ...kernels, 'bramble/board.json': board, 'config.txt': 'arm_64bit=1\n' }, 'ours'],
    ['our join card', { ...kernels, 'bramble/installer': 'x', 'bramble/join.conf': joinConf }, 'ours'],
    ['a folder of our name', { 'bramble/board.json': '{"game":"chess"}' }, 'foreign'],
  ] as const) {
    test(`a FAT${kind} with ${what} is ${want}`, async (t) => {
      const folder = await emptyFolder(t);
      t.is(await contentOf(t, folder, await fatDisk(folder, kind, files)), want);
    });
  }
}

test('whose system is on a disk is told as its mark has it; half-written it is nobody’s', async (t) => {
  const ofCluster = 'cluster-key=00\ncluster=0123456789abcdef\n';
  for (const [files, want] of [
    [{ 'bramble/board.json': board }, ['c', 'd-0123456789ab']],
    [{ 'bramble/join.conf': ofCluster }, ['0123456789abcdef', '']],
    [{ 'bramble/board.json': '{"deviceId":"a|b","clusterId":"\u0007"}' }, ['', 'a']],
    [{}, ['', '']],
  ] as const) {
    const folder = await emptyFolder(t);
    await fatDisk(folder, '16', files);
    const fake = bootFake({ script: [() => stop] });
    const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
    const disk = fake.claims[0]?.disks[0];
    t.deepEqual([disk?.clusterId, disk?.deviceId], want, run.log);
    t.is(disk?.model, 'SC32G');
  }
});

test('a FAT on which a file was deleted is foreign: somebody used it', async (t) => {
  const folder = await emptyFolder(t);
  const disk = await fatDisk(folder, '32', { 'DCIM.JPG': 'holiday' });
  await promisify(execFile)('mdel', ['-i', `${disk}@@${mebi}`, '::DCIM.JPG']);
  t.is(await contentOf(t, folder, disk), 'foreign');
});

test('an exFAT as cards of 64 GB and more have it: empty without files, else foreign', async (t) => {
  const empty = await emptyFolder(t);
  t.is(await contentOf(t, empty, await diskOf(empty, 8 * mebi, exfat([0x83, 0x81, 0x82]))), 'empty');
  const used = await emptyFolder(t);
  t.is(await contentOf(t, used, await diskOf(used, 8 * mebi, exfat([0x83, 0x81, 0x82, 0x85, 0xc0, 0xc1]))), 'foreign');
  const odd = await emptyFolder(t);
  t.is(await contentOf(t, odd, await diskOf(odd, 8 * mebi, exfat([]))), 'foreign');
});

/** Partition at sector 2048, root directory in cluster 5 (exFAT specification 3.1, 6.2). */
function exfat(entryTypes: readonly number[]): Buffer {
  const disk = Buffer.alloc(4 * mebi);
  disk.writeUInt8(7, 450);
  disk.writeUInt32LE(2048, 454);
  disk.writeUInt32LE(4096, 458);
  disk.writeUInt16LE(0xaa55, 510);
  disk.write('EXFAT   ', mebi + 3);
  disk.writeUInt32LE(128, mebi + 80);
  disk.writeUInt32LE(256, mebi + 88);
  disk.writeUInt32LE(5, mebi + 96);
  disk.writeUInt8(9, mebi + 108);
  disk.writeUInt8(3, mebi + 109);
  disk.writeUInt32LE(0xffffffff, mebi + 128 * 512 + 5 * 4);
  for (const [index, type] of entryTypes.entries()) disk.writeUInt8(type, mebi + (256 + 3 * 8) * 512 + index * 32);
  return disk;
}

async function contentOf(t: ExecutionContext, folder: string, disk: string): Promise<string | undefined> {
  const before = (await stat(disk)).mtimeMs;
  const fake = bootFake({ script: [() => stop] });
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is((await stat(disk)).mtimeMs, before, `it was written: ${run.log}`);
  return fake.claims[0]?.disks[0]?.content;
}

test('the proof of the cluster key is HMAC-SHA-256 as node:crypto makes it, and the key is in no argument', async (t) => {
  const folder = await emptyFolder(t);
  const key = Buffer.from('00ff0a255c7f80018d9e10203040506070809fafbfcfdfef0d0a0908075b2527', 'hex');
  const nonce = '7f3c00112233445566778899aabbccdd';
  const programs: string[] = [];
  const fake = bootFake({
    script: [
      () => wait(nonce),
      () => {
        programs.push(...runningArguments(folder));
        return stop;
      },
    ],
  });
  await diskOf(folder, 2 * mebi);
  const run = await runInstaller(t, folder, {
    BRAMBLE_SERVER: await serveFake(t, fake),
    BRAMBLE_SOURCE: 'join-card',
    BRAMBLE_KEY: key.toString('hex'),
  });
  const [first, second] = fake.claims;
  t.is(first?.proof, undefined, run.log);
  if (second === undefined) return t.fail('it did not report again');
  t.is(second.source, 'join-card');
  t.is(second.proof, bootProof(key, { nonce, mac: second.mac, serial: second.serial }));
  t.true(isBootProof(key, { nonce, mac: second.mac, serial: second.serial }, second.proof ?? ''));
  t.false(isBootProof(key, { nonce: `${nonce}0`, mac: second.mac, serial: second.serial }, second.proof ?? ''));
  t.true(programs.length > 1);
  t.notRegex(programs.join() + run.log, new RegExp(key.toString('hex')));
});

test('without a server it goes on asking', async (t) => {
  const folder = await emptyFolder(t);
  const refusals = { left: 2 };
  const fake = bootFake({
    script: [
      () => {
        if (refusals.left-- > 0) throw new Error('the daemon is starting');
        return boot;
      },
    ],
  });
  await diskOf(folder, 2 * mebi);
  const run = await runInstaller(t, folder, { BRAMBLE_SERVER: await serveFake(t, fake) });
  t.is(run.code, 0, run.log);
  t.is(fake.claims.length, 3);
  t.regex(run.log, /no answer/);
});
