import test from 'ava';
import type { Model } from '../../../config/values.ts';
import { models } from '../../../config/values.ts';
import { type Combination, incompatibility } from '../../../image-builder/compatibility.ts';

/** What HypriotOS 1.1.0 has (image-builder-rpi, test-integration/spec, bootfiles_spec.rb), with its kernels. */
const hypriot: Combination['base'] = {
  name: 'hypriotos-rpi-v1.1.0',
  format: 'device-init',
  configTxt: '\nhdmi_force_hotplug=1\nenable_uart=1\n',
  files: [
    ...['bootcode.bin', 'start.elf', 'start_cd.elf', 'start_x.elf', 'fixup.dat', 'cmdline.txt', 'config.txt'],
    ...['bcm2708-rpi-b.dtb', 'bcm2708-rpi-b-plus.dtb', 'bcm2708-rpi-cm.dtb', 'bcm2709-rpi-2-b.dtb'],
    ...['bcm2710-rpi-3-b.dtb', 'kernel.img', 'kernel7.img', 'device-init.yaml', 'os-release'],
  ],
};
/** What Raspberry Pi OS of 2025 has (raspberrypi/firmware, boot/). */
const raspios: Combination['base'] = {
  name: 'raspios-lite',
  format: 'cloud-init',
  configTxt: 'dtparam=audio=on\narm_64bit=1\n[cm4]\notg_mode=1\n[all]\n',
  files: [
    ...['bootcode.bin', 'start.elf', 'fixup.dat', 'start4.elf', 'fixup4.dat', 'kernel8.img', 'kernel_2712.img'],
    ...['bcm2710-rpi-2-b.dtb', 'bcm2710-rpi-3-b.dtb', 'bcm2710-rpi-3-b-plus.dtb', 'bcm2711-rpi-4-b.dtb'],
    ...['bcm2711-rpi-400.dtb', 'bcm2711-rpi-cm4.dtb', 'bcm2712-rpi-5-b.dtb', 'bcm2712-rpi-500.dtb'],
    ...['bcm2712-rpi-cm5-cm5io.dtb', 'bcm2712d0-rpi-5-b.dtb', 'initramfs8', 'initramfs_2712', 'user-data'],
  ],
};
const without = (base: Combination['base'], ...names: readonly string[]): Combination['base'] => ({
  ...base,
  files: base.files.filter((file) => !names.includes(file)),
});
const against = (model: Model | undefined, base: Combination['base'], driver: Combination['driver'] = 'k3s') =>
  incompatibility({ model, base, driver });

test('HypriotOS 1.1.0 starts the boards of its time, and no other', (t) => {
  t.deepEqual(
    models.filter((model) => against(model, hypriot, 'kube-config') === undefined),
    ['pi2', 'pi3'],
  );
  t.is(
    against('pi4', hypriot),
    'hypriotos-rpi-v1.1.0 has no device tree (bcm2711-rpi-4-b.dtb) for a Pi 4: import an image that knows this board and name it under images.models (pi4: NAME)',
  );
});

test('Raspberry Pi OS starts all of them; names in any case', (t) => {
  const shouting = { ...raspios, files: raspios.files.map((file) => file.toUpperCase()) };
  for (const model of models) {
    t.is(against(model, raspios), undefined);
    t.is(against(model, shouting), undefined);
  }
});

const lacking: readonly (readonly [name: string, model: Model, base: Combination['base'], reason: RegExp])[] = [
  ['start4.elf', 'pi4', without(raspios, 'start4.elf'), /no firmware \(start4\.elf\) for a Pi 4:/],
  ['bootcode.bin', 'pi3', without(raspios, 'bootcode.bin'), /no firmware \(bootcode\.bin, start\.elf\) for a Pi 3:/],
  [
    'a device tree of another Pi 5',
    'pi500',
    without(raspios, 'bcm2712-rpi-500.dtb'),
    /no device tree .* for a Pi 500:/,
  ],
  ['the 64-bit kernel', 'pi4', without(raspios, 'kernel8.img'), /no kernel \(kernel8\.img\) for a Pi 4:/],
  [
    'a kernel of 32 bits only',
    'pi5',
    { ...raspios, configTxt: '', files: [...without(raspios, 'kernel8.img', 'kernel_2712.img').files, 'kernel7l.img'] },
    /no kernel \(kernel_2712\.img or kernel8\.img\) for a Pi 5:/,
  ],
  [
    'the kernel that config.txt names',
    'pi4',
    { ...raspios, configTxt: '[pi4]\nkernel=vmlinuz\n' },
    /no kernel \(vmlinuz, which its config\.txt names\) for a Pi 4:/,
  ],
  [
    'the device tree that config.txt names',
    'pi4',
    { ...raspios, configTxt: 'device_tree=mine.dtb\n' },
    /no device tree \(mine\.dtb\)/,
  ],
];
for (const [name, model, base, reason] of lacking) {
  test(`refused: without ${name}`, (t) => t.regex(against(model, base) ?? '', reason));
}

test('what config.txt of a base says is understood', (t) => {
  const file = (name: string, base = raspios): Combination['base'] => ({ ...base, files: [...base.files, name] });
  t.is(against('pi3', { ...raspios, configTxt: '[pi4]\nkernel=vmlinuz\n[all]\narm_64bit=1\n' }), undefined);
  t.is(against('pi4', { ...file('current/vmlinuz'), configTxt: 'os_prefix=current/\nkernel=vmlinuz\n' }), undefined);
  t.is(against('pi4', { ...file('RPI_EFI.fd'), configTxt: 'armstub=RPI_EFI.fd\n' }), undefined);
  t.is(against('pi5', without(raspios, 'kernel_2712.img')), undefined);
  t.is(against('pi5', without(raspios, 'bcm2712-rpi-5-b.dtb')), undefined, 'a later Pi 5 has a tree of its own');
  t.is(against('pi3', { ...without(raspios), configTxt: '' }), undefined, 'the only kernel there is');
  t.regex(
    against('pi3', { ...raspios, configTxt: 'arm_64bit=0\n' }) ?? '',
    /no kernel \(kernel8-32\.img or kernel7\.img\)/,
  );
  t.is(against('pi4', { ...without(file('start4cd.elf'), 'start4.elf'), configTxt: 'gpu_mem=16\n' }), undefined);
});

test('a base that nothing can be told, and drivers', (t) => {
  t.regex(against('pi4', { ...raspios, format: 'none' }) ?? '', /neither device-init nor cloud-init.*over SSH/);
  t.regex(against(undefined, { ...raspios, format: 'none' }) ?? '', /neither device-init nor cloud-init/);
  t.is(against('pi3', hypriot, 'kubeadm'), undefined, 'what its kernel is, kubeadm looks at itself');
  for (const model of ['pi3', undefined] as const) {
    t.regex(against(model, hypriot) ?? '', /older than the 4\.19.*newer image under images\.models.*kube-config/);
  }
  t.regex(against('pi4', hypriot) ?? '', /no device tree/, 'what no driver could change comes first');
  t.regex(against('pi3', raspios, 'kube-config') ?? '', /no 32-bit HypriotOS/);
  t.regex(
    against(
      'pi3',
      { ...hypriot, configTxt: 'arm_64bit=1\n', files: [...hypriot.files, 'kernel8.img'] },
      'kube-config',
    ) ?? '',
    /no 32-bit HypriotOS/,
  );
});

test('a board of an unknown model may try', (t) => {
  t.is(against(undefined, { ...raspios, files: [] }), undefined);
});
