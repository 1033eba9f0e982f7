import test from 'ava';
import { must } from '../../../../config/result.ts';
import { parseHostname } from '../../../../config/values.ts';
import { healthSigns } from '../../../../daemon/app/boards/health.ts';

const name = must(parseHostname('worker-kube1'));
const well = `throttled=0x0
root 25 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
disk ../../devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/mmcblk0p2
df /dev/root 30000000 12000000 18000000 40% /
log [ 1.5] mmc0: new ultra high speed DDR50 SDHC card at address aaaa
log [ 1.6] EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode. Quota mode: none.
`;
const told = (change: (text: string) => string): readonly string[] =>
  healthSigns(change(well), name).map(({ sentence, deed }) => `${sentence} → ${deed}`);
const log = (...lines: readonly string[]) =>
  told((text) => text + lines.map((line) => `log [ 99.1] ${line}\n`).join(''));

test('a board that is well has no signs, nor one that says nothing, or nonsense', (t) => {
  t.deepEqual(
    told((text) => text),
    [],
  );
  for (const text of ['', 'throttled=error\n', 'throttled=0xzz\nroot \ndisk \ndf \n', '\u001b[31m\nlog \nlog x\n'])
    t.deepEqual(healthSigns(text, name), [], JSON.stringify(text));
});

test('the bits of get_throttled, now and since it was started', (t) => {
  const cases: readonly (readonly [bits: string, signs: readonly RegExp[]])[] = [
    ['0x1', [/^its power supply is too weak: under-voltage now → give worker-kube1 a better power supply/]],
    ['0x10000', [/^its power supply was too weak at times.* → give worker-kube1 a better/]],
    ['0x50005', [/under-voltage now/, /^it was throttled at times since it started → null$/]],
    ['0x8', [/^it is throttled now: it is too hot → give worker-kube1 air/]],
    ['0x2', [/too hot/]],
    ['0xe0000', [/throttled at times/]],
    ['0x80008', [/too hot/]],
  ];
  for (const [bits, signs] of cases) {
    const found = told((text) => text.replace('0x0', bits));
    t.is(found.length, signs.length, `${bits}: ${found}`);
    for (const [index, sign] of signs.entries()) t.regex(found[index] ?? '', sign, bits);
  }
});

test('a card that fails, by the lines of different kernels; another disk’s errors are not its own', (t) => {
  for (const line of [
    'blk_update_request: I/O error, dev mmcblk0, sector 123 op 0x0:(READ)',
    'I/O error, dev mmcblk0, sector 123 op 0x1:(WRITE) flags 0x800 phys_seg 1',
    'Buffer I/O error on dev mmcblk0p2, logical block 17, lost async page write',
    'Buffer I/O error on device mmcblk0p2, logical block 17',
    'EXT4-fs error (device mmcblk0p2): ext4_find_entry:1455: inode #2: comm sshd: reading directory lblock 0',
    'EXT4-fs (mmcblk0p2): Remounting filesystem read-only',
    'Aborting journal on device mmcblk0p2-8.',
    'mmcblk0: error -110 sending status command, retrying',
    'mmc0: Timeout waiting for hardware interrupt.',
    'mmc0: Card stuck in wrong state! mmcblk0 card_busy_detect status: 0xe00',
  ]) {
    const signs = log(line);
    t.is(signs.length, 1, line);
    t.regex(
      signs[0] ?? '',
      /^its card \(mmcblk0\) fails: 1 error .*the last: .* → put another card into worker-kube1, and bramble/,
    );
  }
  for (const line of [
    'blk_update_request: I/O error, dev sda, sector 123',
    'mmc1: Timeout waiting for hardware interrupt.',
    'mmc1: error -110 whilst initialising SDIO card',
    'EXT4-fs error (device sdb1): ext4_find_entry',
  ])
    t.deepEqual(log(line), [], line);
  t.regex(
    log('mmcblk0: timed out', `mmcblk0: recovery failed! ${'x'.repeat(500)}`)[0] ?? '',
    /2 errors .*failed! x{1,110} →/,
  );
  const nvme = told(
    (text) =>
      `${text.replace(/^disk.*/m, 'disk ../../devices/pci/nvme/nvme0/block/nvme0n1/nvme0n1p2')}log [9.9] I/O error, dev nvme0n1, sector 5\n`,
  );
  t.regex(nvme[0] ?? '', /^its disk \(nvme0n1\) fails: 1 error.* → put another disk into/);
});

test('a disk that is read-only, or nearly full', (t) => {
  t.regex(told((text) => text.replace('/ / rw,noatime', '/ / ro,noatime'))[0] ?? '', /^its disk is read-only/);
  t.regex(
    told((text) => text.replace('mmcblk0p2 rw\n', 'mmcblk0p2 ro,errors=continue\n'))[0] ?? '',
    /^its disk is read-only/,
  );
  t.deepEqual(
    told((text) => text.replace('40%', '89%')),
    [],
  );
  t.regex(told((text) => text.replace('40%', '94%'))[0] ?? '', /^its disk is 94 % full → make room on worker-kube1/);
});
