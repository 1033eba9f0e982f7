import test from 'ava';
import { checkRequirements, parseBoardFacts } from '../../../daemon/join/k3s-requirements.ts';

const good = { arch: 'aarch64', kernel: '6.12.25+rpt-rpi-v8', memory: 'on', systemd: 'yes', server: 'no' };

for (const [arch, binary] of [
  ['aarch64', 'arm64'],
  ['armv7l', 'armhf'],
  ['armv8l', 'armhf'],
  ['x86_64', 'amd64'],
] as const) {
  test(`${arch} runs ${binary}`, (t) => {
    t.deepEqual(checkRequirements({ ...good, arch }), { ok: true, value: binary });
  });
}

for (const [what, facts, code, words] of [
  ['a Pi Zero', { arch: 'armv6l' }, 'ARCH_UNSUPPORTED', /armv6l: Pi 1, Pi Zero/],
  ['another machine', { arch: 'riscv64' }, 'ARCH_UNSUPPORTED', /riscv64/],
  [
    'HypriotOS 1.1.0',
    { arch: 'armv7l', kernel: '4.4.15-hypriotos-v7+' },
    'KERNEL_TOO_OLD',
    /Linux 4\.4\.15.*4\.19.*reinstall/,
  ],
  ['Linux 4.18', { kernel: '4.18.0' }, 'KERNEL_TOO_OLD', /4\.18/],
  ['Linux 3', { kernel: '3.20.1' }, 'KERNEL_TOO_OLD', /3\.20/],
  ['no memory cgroup', { memory: 'off' }, 'CGROUP_MEMORY_OFF', /cmdline\.txt.*reinstall/],
  ['no systemd', { systemd: 'no' }, 'SYSTEMD_MISSING', /reinstall/],
  ['a server of its own', { server: 'yes' }, 'K3S_SERVER_ON_BOARD', /nothing of it was touched/],
] as const) {
  test(`refused: ${what}`, (t) => {
    const end = checkRequirements({ ...good, ...facts });
    t.is(end.ok ? '' : end.error.code, code);
    t.regex(end.ok ? '' : end.error.detail, words);
  });
}

test('the oldest kernel that will do, and one that says nothing', (t) => {
  for (const kernel of ['4.19.97-v7l+', '5.4.0', '10.0', 'custom']) {
    t.true(checkRequirements({ ...good, kernel }).ok, kernel);
  }
});

test('facts are read out of what a board says, however strange', (t) => {
  t.deepEqual(parseBoardFacts('welcome\narch=aarch64\nkernel=6.1\nmemory=on\nsystemd=yes\nserver=no\n'), {
    ...good,
    kernel: '6.1',
  });
  const strange = parseBoardFacts(`arch=${'x'.repeat(10_000)}`);
  t.is(strange.arch.length, 80);
  t.is(strange.kernel, '');
});
