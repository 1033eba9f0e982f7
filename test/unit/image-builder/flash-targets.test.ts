import test from 'ava';
import {
  type BlockDevices,
  type BlockDisk,
  flashCandidates,
  flashTarget,
  parseMounts,
  parseSwaps,
} from '../../../image-builder/flash-targets.ts';

const usb = '/sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb2/2-1/2-1:1.0/host0';
const GIB = 2 ** 30;

const disk = (name: string, number: string, more: Partial<BlockDisk> = {}): BlockDisk => ({
  name,
  number,
  bytes: 8 * GIB,
  removable: false,
  readOnly: false,
  path: `/sys/devices/virtual/block/${name}`,
  vendor: '',
  model: '',
  cardType: '',
  holders: [],
  backing: '',
  partitions: [],
  ...more,
});
const part = (name: string, number: string, ...holders: string[]) => ({ name, number, holders });

/** A Pi 4 that runs from its SD card, as the kernel of Raspberry Pi OS 12 shows it, with two readers on USB. */
const pi: BlockDevices = {
  disks: [
    disk('mmcblk0', '179:0', {
      path: '/sys/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0',
      model: 'SC16G',
      cardType: 'SD',
      partitions: [part('mmcblk0p1', '179:1'), part('mmcblk0p2', '179:2')],
    }),
    disk('sda', '8:0', {
      removable: true,
      path: `${usb}/target0:0:0/0:0:0:0/block/sda`,
      vendor: 'Generic',
      model: 'MassStorageClass',
      partitions: [part('sda1', '8:1')],
    }),
    disk('sdb', '8:16', { removable: true, path: `${usb}/target0:0:0/0:0:0:1/block/sdb`, bytes: 0 }),
    disk('loop0', '7:0', { bytes: 0 }),
    disk('zram0', '254:0', { path: '/sys/devices/virtual/block/zram0' }),
  ],
  mounts: parseMounts(
    [
      '24 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw',
      '31 24 179:1 / /boot/firmware rw,relatime shared:17 - vfat /dev/mmcblk0p1 rw,fmask=0022',
      '26 24 0:5 / /dev rw,relatime shared:2 - devtmpfs udev rw',
    ].join('\n'),
  ),
  swaps: parseSwaps('Filename\t\tType\n/dev/zram0 partition 2097148\n'),
};

/** A laptop: LVM on encryption on NVMe, swap on a USB disk, a stick whose file system is btrfs, eMMC, a DVD. */
const laptop: BlockDevices = {
  disks: [
    disk('nvme0n1', '259:0', {
      path: '/sys/devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0n1',
      partitions: [part('nvme0n1p1', '259:1'), part('nvme0n1p2', '259:2', 'dm-0')],
    }),
    disk('dm-0', '253:0', { holders: ['dm-1'] }),
    disk('dm-1', '253:1'),
    disk('sda', '8:0', { path: `${usb}/sda`, partitions: [part('sda1', '8:1')] }),
    disk('sdb', '8:16', { path: `${usb}/sdb`, removable: true, partitions: [part('sdb1', '8:17')] }),
    disk('sdc', '8:32', { path: `${usb}/sdc`, partitions: [part('sdc1', '8:33', 'md127')] }),
    disk('sdd', '8:48', { path: `${usb}/sdd` }),
    disk('sde', '8:64', { path: `${usb}/sde`, readOnly: true }),
    disk('sdf', '8:80', { path: '/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/sdf' }),
    disk('sdg', '8:96', { path: `${usb}/sdg`, partitions: [part('sdg1', '8:97')] }),
    disk('mmcblk1', '179:8', { path: '/sys/devices/pci/mmc_host/mmc1/mmc1:0001/block/mmcblk1', cardType: 'MMC' }),
    disk('sr0', '11:0', { removable: true, path: `${usb}/sr0` }),
    disk('loop7', '7:7', { backing: '/dev/sdg1' }),
  ],
  mounts: parseMounts(
    [
      '1 0 253:1 / / rw - ext4 /dev/mapper/vg-root rw',
      '2 1 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw',
      '3 1 0:44 / /media/anna/My\\040stick rw - btrfs /dev/sdb1 rw',
    ].join('\n'),
  ),
  swaps: parseSwaps('Filename Type Size Used Priority\n/dev/sda1                               partition 1000 0 -2\n'),
};

const verdict = (number: string, devices: BlockDevices, ...allowed: string[]): string => {
  const found = flashTarget(number, devices, new Set(allowed));
  return found.ok ? `ok ${found.value.name}` : `${found.error.code} ${found.error.detail}`;
};

test('a Pi that runs from its card: its card is the system’s, a card in a reader may be written', (t) => {
  t.regex(verdict('179:0', pi), /TARGET_IN_USE holds the system/);
  t.is(verdict('8:0', pi), 'ok sda');
  t.regex(verdict('8:16', pi), /TARGET_EMPTY has no card/);
  t.regex(verdict('8:1', pi), /TARGET_IS_PARTITION .* \/dev\/sda$/);
  t.regex(verdict('254:0', pi), /TARGET_IN_USE is used as swap/);
  t.regex(verdict('1:1', pi), /TARGET_NO_DISK/);
  t.deepEqual(
    flashCandidates(pi).map(({ name }) => name),
    ['sda'],
  );
});

test('a laptop: what is made of partitions counts, and what is built in is never written', (t) => {
  t.regex(verdict('259:0', laptop), /TARGET_IN_USE holds the system/);
  t.regex(verdict('8:0', laptop), /TARGET_IN_USE is used as swap \(\/dev\/sda1\)/);
  t.regex(verdict('8:16', laptop), /TARGET_IN_USE is mounted \(\/media\/anna\/My stick\): unmount/);
  t.regex(verdict('8:32', laptop), /TARGET_IN_USE is part of md127/);
  t.is(verdict('8:48', laptop), 'ok sdd');
  t.regex(verdict('8:64', laptop), /TARGET_READ_ONLY/);
  t.regex(verdict('8:80', laptop), /TARGET_FIXED/);
  t.regex(verdict('8:96', laptop), /TARGET_IN_USE is part of loop7/);
  t.regex(verdict('179:8', laptop), /TARGET_FIXED/);
  t.regex(verdict('11:0', laptop), /TARGET_FIXED/);
  t.deepEqual(
    flashCandidates(laptop).map(({ name }) => name),
    ['sdd'],
  );
});

test('what is allowed by name may be written though it is built in, but not while it is used', (t) => {
  t.is(verdict('8:80', laptop, 'sdf'), 'ok sdf');
  t.regex(verdict('259:0', laptop, 'nvme0n1'), /TARGET_IN_USE/);
  t.regex(verdict('8:80', laptop, 'sdx'), /TARGET_FIXED/);
});

test('/proc files that are empty or strange name nothing', (t) => {
  t.deepEqual(parseMounts(''), []);
  t.deepEqual(parseMounts('what is this\n - \n'), []);
  t.deepEqual(parseSwaps(''), []);
  t.deepEqual(parseSwaps('Filename Type\n'), []);
});
