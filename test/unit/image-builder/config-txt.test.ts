import test from 'ava';
import { must } from '../../../config/result.ts';
import { bootSettings, cmdlinePath, planConfigTxt } from '../../../image-builder/config-txt.ts';

const ubuntu = `# Ubuntu
[all]
os_prefix=current/
kernel=vmlinuz
cmdline=cmdline.txt
initramfs initrd.img followkernel
[pi4]
arm_boost=1
kernel=vmlinuz4
[tryboot]
os_prefix=new/
[pi3+]
gpu_mem=32
[all]
enable_uart=1
`;

test('sections of the model and of all count, the last line wins; other conditions do not', (t) => {
  t.deepEqual(Object.fromEntries(bootSettings(ubuntu, 'cm4')), {
    os_prefix: 'current/',
    kernel: 'vmlinuz4',
    cmdline: 'cmdline.txt',
    arm_boost: '1',
    enable_uart: '1',
  });
  t.is(bootSettings(ubuntu, 'pi5').get('kernel'), 'vmlinuz');
  t.is(bootSettings(ubuntu, 'pi3b+').get('gpu_mem'), '32');
  t.is(bootSettings(ubuntu, 'pi3').get('gpu_mem'), undefined);
  t.is(bootSettings(ubuntu, undefined).get('kernel'), 'vmlinuz');
  t.is(bootSettings('ARM_64BIT = 1\r\n#kernel=x\r\n', 'pi4').get('arm_64bit'), '1');
});

test('where the command line lies', (t) => {
  t.is(cmdlinePath(bootSettings('', 'pi4')), 'cmdline.txt');
  t.is(cmdlinePath(bootSettings(ubuntu, 'pi4')), 'current/cmdline.txt');
  t.is(cmdlinePath(bootSettings('cmdline=nobtcmd.txt\n', 'pi4')), 'nobtcmd.txt');
});

const comment = (length: number): string => `# ${'x'.repeat(length - 3)}\n`;

test('a file that boards read stays as it is', (t) => {
  for (const text of ['', 'arm_64bit=1\r\n', comment(4095)]) t.is(must(planConfigTxt(text)), undefined);
});

test('what boards would ignore as a whole is mended in its comments', (t) => {
  t.is(must(planConfigTxt('\uFEFF# für alle – Pis\narm_64bit=1\n')), '# f?r alle ? Pis\narm_64bit=1\n');
  t.is(must(planConfigTxt(`${comment(4096)}\n  # more\narm_64bit=1\n[all]\n`)), 'arm_64bit=1\n[all]\n');
  t.is(must(planConfigTxt(`# ${'ü'.repeat(4095)}\narm_64bit=1`)), 'arm_64bit=1\n');
});

test('a setting is not changed: the base is refused', (t) => {
  for (const [text, detail] of [
    ['ok=1\nname=Zürich\n', /^line 2 .* is not ASCII.*correct it in the image$/],
    [`a=${'1'.repeat(4096)}\n`, /has 4099 bytes, boards ignore 4096 or more$/],
  ] as const) {
    const result = planConfigTxt(text);
    t.is(result.ok ? '' : result.error.code, 'PLAN_BAD_CONFIG');
    t.regex(result.ok ? '' : result.error.detail, detail);
  }
});
