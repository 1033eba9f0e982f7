import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { parseIpv4, parseSerial } from '../../../config/values.ts';
import { parseBootRequest } from '../../../daemon/boot/files.ts';
import { isInstalled, mayNetboot } from '../../../daemon/boot/offer.ts';
import { renderCmdlineTxt, renderConfigTxt } from '../../../daemon/boot/render.ts';
import type { StateName } from '../../../daemon/lifecycle/device.ts';
import { aDevice, aReport, MAC, states } from '../../support/boards.ts';

const serial = (text: string) => must(parseSerial(text));

test('file names as boards send them', (t) => {
  const kit = (path: string) => ({ from: 'kit', path }) as const;
  const cases = [
    ['bootcode.bin', undefined, kit('bootcode.bin')],
    ['91cdf03d/start4.elf', serial('91cdf03d'), kit('start4.elf')],
    // Quirk: the Pi 5 doubles the slash.
    ['7bf18f79//config.txt', serial('7bf18f79'), { from: 'rendered', name: 'config.txt' }],
    ['dc-a6-32-01-36-c2/cmdline.txt', undefined, { from: 'rendered', name: 'cmdline.txt' }],
    ['overlays/overlay_map.dtb', undefined, kit('overlays/overlay_map.dtb')],
    ['91cdf03d/overlays/overlay_map.dtb', serial('91cdf03d'), kit('overlays/overlay_map.dtb')],
    ['91CDF03D/Config.txt', serial('91cdf03d'), { from: 'rendered', name: 'config.txt' }],
    ['91cdf03d', undefined, kit('91cdf03d')],
    ['91cdf03d/bramble-installer.cpio.gz', serial('91cdf03d'), { from: 'installer' }],
  ] as const;
  for (const [name, told, file] of cases) t.like(parseBootRequest(name), { serial: told, file }, name);
});

test('who may boot over the network, and whose system is on its disk', (t) => {
  const undecided: StateName[] = ['seen', 'booting', 'reported', 'pending'];
  const boots: StateName[] = [...undecided, 'accepted', 'installing', 'reinstalling', 'wiping', 'failed'];
  const installed: StateName[] = [
    ...(['starting', 'joining', 'ready', 'unreachable', 'waiting-for-proof', 'draining', 'stopped'] as const),
    ...(['local-boot-failed', 'left'] as const),
  ];
  for (const [name, state] of Object.entries(states)) {
    t.is(
      mayNetboot(aDevice(state)),
      boots.some((one) => one === name),
      name,
    );
    t.is(
      isInstalled(aDevice(state)),
      installed.some((one) => one === name),
      name,
    );
  }
  const foreign = aReport({ disk: { bytes: 1, content: 'foreign' } });
  t.false(mayNetboot(aDevice({ ...states.pending, report: foreign })), 'its own system is to start');
  t.false(mayNetboot(aDevice({ ...states.failed, resume: { at: 'join' } })));
  t.true(mayNetboot(aDevice({ ...states.failed, resume: { at: 'wipe', by: 'owner', arming: 'w1' } })));
  t.false(isInstalled(aDevice({ ...states.failed, resume: { at: 'wipe', by: 'owner', arming: 'w1' } })));
  t.false(
    mayNetboot(aDevice({ ...states.wiping, start: { step: 'done' } })),
    'nothing of ours is on it: it is left alone',
  );
  t.true(isInstalled(aDevice({ ...states.failed, resume: { at: 'join' } })));
});

test('what the firmware reads is ASCII, short, and one line where one line is read', (t) => {
  const text = renderConfigTxt('kernel_2712.img');
  t.regex(text, /^[\x20-\x7e\n]+$/);
  t.true(text.length < 4096);
  t.true(text.includes('\nkernel=kernel_2712.img\n'));
  const line = renderCmdlineTxt({ mac: MAC, server: must(parseIpv4('10.77.0.1')), port: 8067, key: 'ab'.repeat(32) });
  t.is(line.trimEnd().split('\n').length, 1);
  t.true(line.includes('bramble.server=http://10.77.0.1:8067 '));
  t.regex(line, / bramble\.key=[0-9a-f]{64}$/m);
});

test('any name means one thing, and never a path out of the boot partition’s own', (t) => {
  const part = fc.oneof(fc.string(), fc.constantFrom('7bf18f79', 'dc-a6-32-01-36-c2', 'config.txt', '..', ''));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const { file } = parseBootRequest(parts.join('/'));
      return file.from !== 'kit' || (!file.path.startsWith('/') && !file.path.includes('//'));
    }),
  );
  t.pass();
});
