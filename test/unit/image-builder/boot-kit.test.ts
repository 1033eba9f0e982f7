import test from 'ava';
import { isOnCard, kernelOf, kitGaps, missingFor, modelsOf } from '../../../image-builder/boot-kit.ts';
import { renderCardConfig } from '../../../image-builder/join-card.ts';
import { parseConfig } from '../../lab/board/config-txt.ts';
import { firmwareSizes } from '../../support/images.ts';

const lab = Object.keys(firmwareSizes);

test('which models a kit starts, and what the others lack', (t) => {
  t.deepEqual(modelsOf(lab), ['pi3', 'pi3b+', 'pi4', 'pi5']);
  t.deepEqual(missingFor('cm4', lab), ['bcm2711-rpi-cm4.dtb']);
  t.deepEqual(missingFor('pi2', []), ['bootcode.bin', 'start.elf', 'fixup.dat', 'bcm2710-rpi-2-b.dtb', 'kernel8.img']);
  t.deepEqual(missingFor('pi5', []), ['bcm2712-rpi-5-b.dtb', 'kernel_2712.img or kernel8.img']);
});

test('gaps of a kit: only the models that it does not start', (t) => {
  const gaps = kitGaps(lab);
  t.deepEqual([...gaps.keys()], ['pi2', 'pi400', 'cm4', 'pi500', 'cm5']);
  t.deepEqual(gaps.get('pi400'), ['bcm2711-rpi-400.dtb']);
});

test('a model is told the kernel that its kit has, and whoever starts it names the same one', (t) => {
  t.is(kernelOf('pi5', ['kernel8.img', 'KERNEL_2712.IMG']), 'kernel_2712.img');
  t.is(kernelOf('pi5', ['kernel8.img']), 'kernel8.img');
  for (const model of ['pi3', 'pi4', undefined] as const)
    t.is(kernelOf(model, ['kernel_2712.img', 'Kernel8.img']), 'kernel8.img');
  t.is(kernelOf('pi4', ['kernel_2712.img', 'kernel7l.img']), undefined);
});

test('names on a FAT have no case', (t) => {
  t.deepEqual(
    missingFor(
      'pi4',
      lab.map((name) => name.toUpperCase()),
    ),
    [],
  );
});

test('what goes onto the card: no settings of the base, no other system’s kernel or initramfs', (t) => {
  const yes = ['START4.ELF', 'bcm2712d0-rpi-5-b.dtb', 'bcm2711-rpi-cm4s.dtb', 'overlays/bcm2712d0.dtbo', 'kernel8.img'];
  for (const path of yes) t.true(isOnCard(path), path);
  const no = ['config.txt', 'cmdline.txt', 'user-data', 'initramfs8', 'kernel.img', 'bcm2708-rpi-zero.dtb'];
  for (const path of [...no, 'overlays/vc4-kms-v3d.dtbo', 'start4x.elf']) t.false(isOnCard(path), path);
});

test('config.txt of the card: each model’s kernel and our initramfs, ASCII and short; the OTP bit only when it is wanted', (t) => {
  const text = renderCardConfig(lab, false);
  for (const model of ['pi3', 'pi3b+', 'pi4'] as const) t.is(parseConfig(text, model).kernel, 'kernel8.img');
  t.is(parseConfig(text, 'pi5').kernel, 'kernel_2712.img');
  t.deepEqual(parseConfig(text, 'pi5').initramfs, ['bramble-installer.cpio.gz']);
  t.true(parseConfig(text, 'pi3').arm64);
  t.false(text.includes('program_usb_boot_mode'));
  const netboot = renderCardConfig(lab, true);
  t.regex(netboot, /\[pi3\]\n(#.*\n)+program_usb_boot_mode=1\n\[pi5\]\n/);
  t.regex(netboot, /CANNOT BE TAKEN BACK/);
  for (const one of [text, netboot]) {
    t.true(one.length < 4096);
    t.regex(one, /^[\x20-\x7e\n]+$/);
    t.true(one.endsWith('[all]\n'));
  }
  t.is(parseConfig(renderCardConfig(['kernel8.img'], false), 'pi5').kernel, 'kernel8.img');
});
