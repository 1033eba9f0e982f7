import test from 'ava';
import { type BootPartitionFacts, recognise } from '../../../image-builder/recognise.ts';

const firmware = ['bootcode.bin', 'start4.elf', 'kernel8.img', 'config.txt', 'cmdline.txt'];
const cloudInit = ['user-data', 'meta-data', 'network-config'];

const facts = (
  paths: readonly string[],
  label = '',
  texts: Readonly<Record<string, string>> = {},
): BootPartitionFacts => ({
  label,
  files: [...paths, ...Object.keys(texts)].map((path) => ({ path, size: 1 })),
  texts: new Map(Object.entries(texts)),
});
const said = (given: BootPartitionFacts): string => {
  const result = recognise(given);
  return 'refused' in result ? `refused: ${result.refused}` : `${result.flavour} ${result.format}: ${result.found}`;
};

const issue = {
  'issue.txt': 'Raspberry Pi reference 2025-11-24\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen\n',
};
const hypriot = { 'os-release': 'NAME="Raspbian"\nHYPRIOT_OS="HypriotOS/armhf"\nHYPRIOT_IMAGE_VERSION=v1.12.3\n' };

const rows: readonly (readonly [name: string, given: BootPartitionFacts, expected: RegExp])[] = [
  ['HypriotOS 1.1', facts([...firmware, 'device-init.yaml'], 'HypriotOS'), /^hypriotos device-init: .*up to 1\.1/],
  ['its file in any case', facts([...firmware, 'Device-Init.YAML']), /^hypriotos device-init/],
  [
    'HypriotOS 1.12',
    facts([...firmware, ...cloudInit], 'HypriotOS', hypriot),
    /^hypriotos cloud-init: HypriotOS 1\.12\.3 with/,
  ],
  ['by its user-data', facts([...firmware, 'meta-data'], '', { 'user-data': '# Hypriot' }), /^hypriotos cloud-init/],
  ['HypriotOS without either', facts(firmware, 'HypriotOS'), /^hypriotos none: .*SSH/],
  [
    'Raspberry Pi OS Trixie',
    facts([...firmware, ...cloudInit], 'bootfs', issue),
    /^raspberry-pi-os cloud-init: .*of 2025-11-24/,
  ],
  ['Raspberry Pi OS without issue.txt', facts([...firmware, ...cloudInit], 'bootfs'), /^raspberry-pi-os cloud-init/],
  ['Bookworm', facts(firmware, 'bootfs', issue), /^raspberry-pi-os none: .*without cloud-init.*SSH/],
  ['older than 2023', facts(firmware, 'boot'), /^raspberry-pi-os none/],
  [
    'set up by its imager',
    facts([...firmware, 'firstrun.sh'], 'bootfs', issue),
    /^raspberry-pi-os none: .*firstrun\.sh, which/,
  ],
  ['custom.toml', facts([...firmware, 'custom.toml'], 'bootfs'), /^raspberry-pi-os none: .*custom\.toml, which/],
  [
    'rpi-preseed',
    facts([...firmware, 'rpi-preseed.toml'], 'bootfs', issue),
    /^raspberry-pi-os none: .*rpi-preseed\.toml/,
  ],
  [
    'both: cloud-init is what we write',
    facts([...firmware, ...cloudInit, 'rpi-preseed.toml'], 'bootfs'),
    /cloud-init: /,
  ],
  ['user-data alone is not enough', facts([...firmware, 'user-data'], 'bootfs'), /^raspberry-pi-os none/],
  [
    'Ubuntu',
    facts(['vmlinuz', 'initrd.img', 'start4.elf', ...cloudInit], 'system-boot'),
    /^ubuntu cloud-init: .*NoCloud/,
  ],
  [
    'Ubuntu since 25.10',
    facts(['current/vmlinuz', 'current/bcm2712-rpi-5-b.dtb', ...cloudInit], 'system-boot'),
    /^ubuntu cloud/,
  ],
  ['DietPi', facts([...firmware, 'dietpi.txt'], 'bootfs'), /^unknown none: DietPi; .*SSH/],
  ['LibreELEC', facts(['bootcode.bin', 'start4.elf', 'kernel.img', 'SYSTEM'], 'LIBREELEC'), /^unknown none: LibreELEC/],
  ['a system nobody knows', facts(['kernel8.img', 'my.cfg'], 'MYOS'), /^unknown none: .*“MYOS”, 2 files/],
  ['one that takes cloud-init', facts(['kernel8.img', ...cloudInit]), /^unknown cloud-init: .*without label/],
  ['Windows', facts(['bootmgr', 'EFI/Microsoft/Boot/BCD']), /^refused: a Windows disk/],
  ['a PC', facts(['EFI/BOOT/BOOTX64.EFI', 'vmlinuz']), /^refused: a PC/],
  ['NOOBS', facts(['recovery.img', 'bootcode.bin', 'os/Raspbian/os.json']), /^refused: NOOBS/],
  [
    'holiday pictures',
    facts(['DCIM/1.jpg', 'a', 'b', 'c', 'd', 'e'], 'CAMERA'),
    /^refused: .*“CAMERA” has neither.*1\.jpg, a, b, c, d, …\)$/,
  ],
  ['nothing', facts([]), /^refused: .*it is empty/],
  ['a kernel’s name inside another', facts(['notkernel8.img.txt', 'xstart4.elf.bak']), /^refused/],
];
for (const [name, given, expected] of rows) test(name, (t) => t.regex(said(given), expected));
