import test from 'ava';
import {
  bootPlace,
  CONFIG_MARK,
  installerFiles,
  ownFirmware,
  renderOwnCmdline,
  renderOwnConfigTxt,
} from '../../../daemon/boot/own-partition.ts';

const line = (point: string, device: string, options = 'rw,relatime', root = '/') =>
  `36 25 179:1 ${root} ${point} ${options} shared:5 - vfat ${device} rw,fmask=0022`;
/** Raspberry Pi OS Trixie's, shortened. */
const rootLine = '25 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw';

test('the boot partition is where it is mounted: below /boot/firmware, else at /boot', (t) => {
  const cases = [
    [[rootLine, line('/boot/firmware', '/dev/mmcblk0p1')], { folder: '/boot/firmware', device: '/dev/mmcblk0p1' }],
    [[line('/boot', '/dev/mmcblk0p1')], { folder: '/boot', device: '/dev/mmcblk0p1' }],
    [
      [line('/boot', '/dev/sda1'), line('/boot/firmware', '/dev/nvme0n1p1')],
      { folder: '/boot/firmware', device: '/dev/nvme0n1p1' },
    ],
    [[line('/boot', '/dev/sda1'), line('/boot', '/dev/mmcblk0p1')], { folder: '/boot', device: '/dev/mmcblk0p1' }],
    [[rootLine], 'BOOT_NOT_MOUNTED'],
    [[line('/boot/firmware', '/dev/mmcblk0p1', 'ro,relatime')], 'BOOT_READ_ONLY'],
    [[line('/boot', '/dev/mmcblk0p2', 'rw', '/somewhere')], 'BOOT_NOT_MOUNTED'],
    [[line('/boot', 'tmpfs')], 'BOOT_NOT_MOUNTED'],
    [['', 'nonsense', ' - ', '1 2 3'], 'BOOT_NOT_MOUNTED'],
  ] as const;
  for (const [lines, want] of cases) {
    const place = bootPlace(`${lines.join('\n')}\n`);
    t.deepEqual(place.ok ? place.value : place.error.code, want, lines.join('\n'));
  }
});

const kit = [
  ...['kernel8.img', 'kernel_2712.img', 'kernel7.img', 'start4.elf', 'bcm2710-rpi-3-b.dtb', 'bcm2710-rpi-2-b.dtb'],
  ...['bcm2711-rpi-4-b.dtb', 'bcm2711-rpi-cm4.dtb', 'BCM2712-rpi-5-b.dtb', 'bcm2712d0-rpi-5-b.dtb'],
  ...['bcm2709-rpi-2-b.dtb', 'overlays/bcm2711-rpi-4-b.dtb', 'config.txt'],
];

test('the kernel that config.txt names and the device trees of the chip come from the kit', (t) => {
  const want = {
    pi3: ['kernel8.img', 'bcm2710-rpi-3-b.dtb', 'bcm2710-rpi-2-b.dtb'],
    pi4: ['kernel8.img', 'bcm2711-rpi-4-b.dtb', 'bcm2711-rpi-cm4.dtb'],
    pi5: ['kernel_2712.img', 'BCM2712-rpi-5-b.dtb', 'bcm2712d0-rpi-5-b.dtb'],
  } as const;
  for (const model of ['pi3', 'pi4', 'pi5'] as const) {
    const files = installerFiles(model, kit);
    t.deepEqual(files.ok ? files.value : files.error, { kernel: want[model][0], files: want[model] });
  }
  const older = kit.filter((path) => path !== 'kernel_2712.img');
  t.like(installerFiles('pi5', older), { ok: true, value: { kernel: 'kernel8.img' } }, 'it takes that one, too');
  for (const without of [/^kernel8/, /^bcm2711/]) {
    const lacking = installerFiles(
      'pi4',
      kit.filter((path) => !without.test(path)),
    );
    t.is(lacking.ok || lacking.error.code, 'KIT_LACKS');
  }
  t.false(installerFiles(undefined, kit).ok);
  t.false(installerFiles('pi4', []).ok);
});

test('what the firmware reads: ASCII, short, our folder, and known again by its first line', (t) => {
  const text = renderOwnConfigTxt('kernel8.img');
  t.true(text.startsWith(`${CONFIG_MARK}\n`));
  t.regex(text, /^os_prefix=bramble\/$/m);
  t.regex(text, /^kernel=kernel8\.img$/m);
  t.regex(text, /^[\n\x20-\x7e]+$/);
  t.true(text.length < 4096);
  t.is(
    renderOwnCmdline('rdinit=/init bramble.mac=dc:a6:32:01:02:03\n', '4272-616D'),
    'rdinit=/init bramble.mac=dc:a6:32:01:02:03 bramble.source=reinstall bramble.card=4272-616D\n',
  );
  t.is(ownFirmware('pi3'), 'start.elf');
  t.is(ownFirmware('cm4'), 'start4.elf');
  t.is(ownFirmware('pi500'), undefined, 'it is in the EEPROM');
});
