import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { must } from '../../../config/result.ts';
import { parseHostname, parseIpv4 } from '../../../config/values.ts';
import { planCmdline } from '../../../image-builder/cmdline.ts';
import { planBoard } from '../../../image-builder/plan.ts';
import type { BoardPlan, BoardWish, ExistingBootFiles } from '../../../image-builder/wish.ts';

const publicLine = `ssh-ed25519 ${'A'.repeat(68)} worker-kube1`;
const privateOpenssh = '-----BEGIN OPENSSH PRIVATE KEY-----\nQUJD\nREVG\n-----END OPENSSH PRIVATE KEY-----\n';
const wish: BoardWish = {
  hostname: must(parseHostname('worker-kube1')),
  address: undefined,
  sshHostKey: { privateOpenssh, publicLine },
  authorizedKey: publicLine,
  format: 'cloud-init',
  mark: { deviceId: 'd-0123456789ab', clusterId: 'lab', arming: 'f00d' },
};
const address = {
  ip: must(parseIpv4('192.168.1.201')),
  prefix: 24,
  gateway: must(parseIpv4('192.168.1.1')),
  dns: [must(parseIpv4('192.168.1.1')), must(parseIpv4('9.9.9.9'))],
};
const existing: ExistingBootFiles = { cmdline: 'console=tty1 root=/dev/mmcblk0p2 rootwait\n' };

const textOf = (plan: BoardPlan, path: string): string =>
  Buffer.from(plan.files.find((file) => file.path === path)?.bytes ?? []).toString();
const planned = (changes: Partial<BoardWish> = {}, files = existing): BoardPlan =>
  must(planBoard({ ...wish, ...changes }, files));
const yamlOf = (plan: BoardPlan, path: string): unknown => parse(textOf(plan, path));

const likeYaml = (t: ExecutionContext, plan: BoardPlan, path: string, expected: object): void => {
  const document = yamlOf(plan, path);
  if (typeof document !== 'object' || document === null) t.fail(`${path} is no mapping`);
  else t.like(document, expected);
};

test('cloud-init: hostname, root only, our host key, no passwords', (t) => {
  const plan = planned({ timezone: 'Europe/Amsterdam' });
  t.true(textOf(plan, 'user-data').startsWith('#cloud-config\n'));
  likeYaml(t, plan, 'user-data', {
    hostname: 'worker-kube1',
    manage_etc_hosts: true,
    users: [{ name: 'root', ssh_authorized_keys: [publicLine] }],
    disable_root: false,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    timezone: 'Europe/Amsterdam',
    ssh_keys: { ed25519_private: privateOpenssh, ed25519_public: publicLine },
  });
  t.deepEqual(yamlOf(plan, 'meta-data'), { 'instance-id': 'worker-kube1-f00d', 'local-hostname': 'worker-kube1' });
});

test('cloud-init: security updates, where they are wanted, and no package before the board can join', (t) => {
  const on = textOf(planned({ securityUpdates: true }), 'user-data');
  t.regex(on, /52bramble-security-updates/);
  t.notRegex(on, /^(packages|package_update|package_upgrade|package_reboot_if_required|apt|power_state):/m);
  t.notRegex(textOf(planned(), 'user-data'), /security-updates|write_files/);
  const additions = {
    ...{ runcmd: [], containerImages: [] },
    files: [{ path: '/etc/motd', content: Buffer.from('x'), mode: '0644', owner: 'root:root', secret: false }],
  };
  const { write_files: files } = Object(yamlOf(planned({ securityUpdates: true, additions }), 'user-data'));
  t.is(files.length, 3);
  t.is(files[2].path, '/etc/motd', 'the owner’s word is the last');
  const old = planned({ format: 'device-init', securityUpdates: true });
  t.deepEqual(old, planned({ format: 'device-init' }));
});

test('cloud-init: what user-data becomes afterwards holds no key and deletes none', (t) => {
  const plan = planned();
  t.notRegex(textOf(plan, 'bramble/user-data.kept'), /PRIVATE|ssh_keys|runcmd/);
  likeYaml(t, plan, 'bramble/user-data.kept', { hostname: 'worker-kube1', ssh_deletekeys: false });
});

test('cloud-init: DHCP without an address, static with one', (t) => {
  t.deepEqual(yamlOf(planned(), 'network-config'), {
    version: 2,
    ethernets: { eth0: { dhcp4: true, optional: true } },
  });
  likeYaml(t, planned({ address }), 'network-config', {
    version: 2,
    ethernets: {
      eth0: {
        dhcp4: false,
        addresses: ['192.168.1.201/24'],
        routes: [{ to: '0.0.0.0/0', via: '192.168.1.1' }],
        nameservers: { addresses: ['192.168.1.1', '9.9.9.9'] },
      },
    },
  });
});

test('a new arming is a new instance; the same wish gives the same bytes', (t) => {
  t.deepEqual(planned(), planned());
  const other = planned({ mark: { ...wish.mark, arming: 'beef' } });
  t.deepEqual(yamlOf(other, 'meta-data'), { 'instance-id': 'worker-kube1-beef', 'local-hostname': 'worker-kube1' });
});

test('device-init: the owner’s keys and comments stay, ours come first in runcmd, once', (t) => {
  const deviceInit = [
    '# my board',
    'hostname: black-pearl',
    'wifi: {interfaces: {wlan0: {ssid: "MyNetwork", password: "secret"}}}',
    'docker: {images: [/var/local/image.tar]}',
    'runcmd: [echo hello]',
  ].join('\n');
  const plan = planned({ format: 'device-init' }, { ...existing, deviceInit });
  const text = textOf(plan, 'device-init.yaml');
  t.regex(text, /^# my board\n/);
  t.deepEqual(parse(text), {
    hostname: 'worker-kube1',
    wifi: { interfaces: { wlan0: { ssid: 'MyNetwork', password: 'secret' } } },
    docker: { images: ['/var/local/image.tar'] },
    runcmd: ['sh /boot/bramble/first-boot.sh', 'echo hello'],
  });
  t.is(textOf(planned({ format: 'device-init' }, { ...existing, deviceInit: text }), 'device-init.yaml'), text);
});

for (const [name, deviceInit] of [
  ['no file', undefined],
  ['an empty file', ''],
  ['comments only', '# nothing\n'],
  ['an alias to what is replaced', 'hostname: &x {a: b}\nother: *x\n'],
  ['a list', '- a\n- b\n'],
  ['no YAML', 'a: [b\n}{'],
  [
    'a bomb of aliases',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((key, index) => `${key}: &${key} [${`*${'abcdefgh'[index]},`.repeat(9)}]`).join('\n')}\n`,
  ],
] as const) {
  test(`device-init: ${name} in the base`, (t) => {
    const plan = planned({ format: 'device-init' }, deviceInit === undefined ? existing : { ...existing, deviceInit });
    t.regex(textOf(plan, 'device-init.yaml'), /^hostname: worker-kube1$/m);
    t.regex(textOf(plan, 'device-init.yaml'), /^ *- sh \/boot\/bramble\/first-boot\.sh$/m);
  });
}

test('only the files with the private key are secret', (t) => {
  for (const format of ['cloud-init', 'device-init'] as const) {
    for (const { path, bytes, secret } of planned({ format }).files) {
      t.is(secret, Buffer.from(bytes).includes('PRIVATE KEY'), path);
    }
  }
});

test('every image carries our mark', (t) => {
  t.deepEqual(JSON.parse(textOf(planned({ format: 'device-init' }), 'bramble/board.json')), wish.mark);
});

const refused: readonly (readonly [name: string, changes: Partial<BoardWish>, code: string])[] = [
  ['a base that reads no plan', { format: 'none' }, 'PLAN_NO_FIRST_BOOT'],
  ['two lines as the authorised key', { authorizedKey: `${publicLine}\nssh-ed25519 AAAA evil` }, 'PLAN_BAD_VALUE'],
  ['a command as the time zone', { timezone: '$(reboot)' }, 'PLAN_BAD_VALUE'],
  ['a path as the time zone', { timezone: '../../etc/passwd' }, 'PLAN_BAD_VALUE'],
  ['a path as the arming', { mark: { ...wish.mark, arming: '../x' } }, 'PLAN_BAD_VALUE'],
  ['a PEM of another kind', { sshHostKey: { publicLine, privateOpenssh: 'hello' } }, 'PLAN_BAD_VALUE'],
  ['a prefix of 33', { address: { ...address, prefix: 33 } }, 'PLAN_BAD_VALUE'],
];
for (const [name, changes, code] of refused) {
  test(`refused: ${name} → ${code}`, (t) => {
    const result = planBoard({ ...wish, ...changes }, existing);
    t.is(result.ok ? '' : result.error.code, code);
  });
}

const cmdlines: readonly (readonly [name: string, before: string, seed: string | undefined, after: string])[] = [
  ['adds what is missing', 'root=x rootwait\n', undefined, 'root=x rootwait cgroup_memory=1 cgroup_enable=memory\n'],
  [
    'adds nothing twice',
    'cgroup_enable=memory root=x cgroup_memory=1',
    undefined,
    'cgroup_enable=memory root=x cgroup_memory=1\n',
  ],
  ['replaces a seed', 'root=x ds=nocloud;i=old', 'nocloud', 'root=x cgroup_memory=1 cgroup_enable=memory ds=nocloud\n'],
  [
    'keeps the seed of its own',
    'root=x ds=nocloud',
    'nocloud',
    'root=x cgroup_memory=1 cgroup_enable=memory ds=nocloud\n',
  ],
  [
    'CR, tabs, further lines',
    'root=x\t quiet \r\nsecond line\r\n',
    undefined,
    'root=x quiet cgroup_memory=1 cgroup_enable=memory\n',
  ],
];
for (const [name, before, seed, after] of cmdlines) {
  test(`cmdline.txt: ${name}`, (t) => t.is(must(planCmdline(before, seed)), after));
}

test('cmdline.txt: empty, not ASCII, too long', (t) => {
  for (const text of ['', '\n', 'root=\u00e4', `root=x ${'y'.repeat(2000)}`]) {
    const result = planCmdline(text, undefined);
    t.is(result.ok ? text : result.error.code, 'PLAN_BAD_CMDLINE');
  }
});
