import test from 'ava';
import { parse } from 'yaml';
import { must } from '../../../config/result.ts';
import { parseHostname } from '../../../config/values.ts';
import { planBoard } from '../../../image-builder/plan.ts';
import type { AddedFile, Additions, BoardPlan, BoardWish, PlannedFile } from '../../../image-builder/wish.ts';

const publicLine = `ssh-ed25519 ${'A'.repeat(68)} worker-kube1`;
const privateOpenssh = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'QUJD'.repeat(10)}\n-----END OPENSSH PRIVATE KEY-----\n`;
const aFile = (path: string, content: string | Uint8Array, more: Partial<AddedFile> = {}): AddedFile => ({
  path,
  content: Buffer.from(content),
  mode: '0644',
  owner: 'root:root',
  secret: false,
  ...more,
});
const additions: Additions = {
  files: [
    aFile('/etc/motd', 'Welcome\tto "the" bramble\n'),
    aFile('/etc/app/key', 'hush, hush', { mode: '600', owner: 'daemon:daemon', secret: true }),
    aFile('/opt/logo', Uint8Array.of(0, 255, 13, 10)),
  ],
  runcmd: ["echo 'one'", 'false', 'cat <<END\ntwo\nEND'],
  containerImages: ['/var/local/rpi-consul.tar.gz', 'docker.io/library/nginx:1.27'],
};
const planned = (format: BoardWish['format'], more: Partial<BoardWish> = {}, deviceInit?: string): BoardPlan => {
  const wish: BoardWish = {
    hostname: must(parseHostname('worker-kube1')),
    address: undefined,
    sshHostKey: { privateOpenssh, publicLine },
    authorizedKey: publicLine,
    format,
    mark: { deviceId: 'd-0123456789ab', clusterId: 'lab', arming: 'f00d' },
    additions,
    ...more,
  };
  return must(planBoard(wish, { cmdline: 'root=x\n', ...(deviceInit !== undefined && { deviceInit }) }));
};
const fileOf = (plan: BoardPlan, path: string): PlannedFile => {
  const file = plan.files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`no ${path} in ${plan.files.map((each) => each.path).join(', ')}`);
  return file;
};
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const paths = (plan: BoardPlan): readonly string[] => plan.files.map(({ path }) => path);

test('cloud-init: files as text where they are, the owner’s commands after ours, container images before them', (t) => {
  const config = parse(text(fileOf(planned('cloud-init'), 'user-data').bytes));
  t.deepEqual(config.write_files, [
    { path: '/etc/motd', permissions: '0644', owner: 'root:root', content: 'Welcome\tto "the" bramble\n' },
    { path: '/etc/app/key', permissions: '0600', owner: 'daemon:daemon', content: 'hush, hush' },
    { path: '/opt/logo', permissions: '0644', owner: 'root:root', encoding: 'b64', content: 'AP8NCg==' },
  ]);
  const commands: readonly (readonly string[])[] = config.runcmd;
  t.deepEqual(
    commands.slice(-3),
    additions.runcmd.map((command) => ['sh', '-c', command]),
  );
  t.regex(commands.at(-5)?.[2] ?? '', /docker load -i '\/var\/local\/rpi-consul\.tar\.gz'/);
  t.regex(commands.at(-4)?.[2] ?? '', /ctr -n k8s\.io images pull 'docker\.io\/library\/nginx:1\.27'/);
});

test('cloud-init: passwords go before sshd is started, once; what is kept on the card has nothing of the owner’s', (t) => {
  const plan = planned('cloud-init');
  const config = parse(text(fileOf(plan, 'user-data').bytes));
  t.deepEqual(config.bootcmd[0].slice(0, 5), ['cloud-init-per', 'instance', 'bramble-passwords', 'sh', '-c']);
  t.notRegex(text(fileOf(plan, 'bramble/user-data.kept').bytes), /hush|motd|bootcmd|write_files|one/);
});

test('device-init: files and commands on the boot partition, archives in docker.images', (t) => {
  const base =
    'hostname: x\ndocker:\n  # preloaded\n  images:\n    - /var/local/a.tar\n    - /var/local/rpi-consul.tar.gz\n';
  const plan = planned('device-init', {}, base);
  t.deepEqual(
    paths(plan).filter((path) => /files|commands/.test(path)),
    ['bramble/files/0', 'bramble/files/1', 'bramble/files/2', 'bramble/commands.sh'],
  );
  t.deepEqual(fileOf(plan, 'bramble/files/2').bytes, Buffer.from(Uint8Array.of(0, 255, 13, 10)));
  const yaml = text(fileOf(plan, 'device-init.yaml').bytes);
  t.deepEqual(parse(yaml).docker, { images: ['/var/local/a.tar', '/var/local/rpi-consul.tar.gz'] });
  t.regex(yaml, /# preloaded/);
  const commands = text(fileOf(plan, 'bramble/commands.sh').bytes);
  t.regex(commands, /^run 'docker pull '\\''docker\.io\/library\/nginx:1\.27'\\'''$/m);
  t.regex(commands, /^run 'echo '\\''one'\\'''$/m);
});

for (const [name, base] of [
  ['no docker', 'wifi: {}\n'],
  ['docker is a word', 'docker: yes\n'],
  ['images are a word', 'docker: {images: none, other: 1}\n'],
  ['no file', undefined],
] as const) {
  test(`device-init: archives where the base has ${name}`, (t) => {
    const yaml = parse(text(fileOf(planned('device-init', {}, base), 'device-init.yaml').bytes));
    t.deepEqual(yaml.docker.images, ['/var/local/rpi-consul.tar.gz']);
    t.deepEqual(yaml.runcmd, ['sh /boot/bramble/first-boot.sh']);
  });
}

test('without additions there is nothing of them', (t) => {
  const none: Additions = { files: [], runcmd: [], containerImages: [] };
  t.deepEqual(planned('cloud-init', { additions: none }), planned('cloud-init', { additions: none }));
  t.notRegex(text(fileOf(planned('cloud-init', { additions: none }), 'user-data').bytes), /write_files/);
  const plan = planned('device-init', { additions: none });
  t.deepEqual(
    paths(plan).filter((path) => /files|commands/.test(path)),
    [],
  );
  t.notRegex(text(fileOf(plan, 'device-init.yaml').bytes), /docker/);
});

test('shown: everything but the secrets, and those by their size', (t) => {
  for (const format of ['cloud-init', 'device-init'] as const) {
    const plan = planned(format);
    for (const { path, bytes, shown, secret } of plan.files) {
      t.notRegex(text(shown), /QUJDQUJD|hush/, path);
      if (!secret) t.deepEqual(shown, bytes, path);
    }
    t.is(plan.files.filter(({ secret }) => secret).length, format === 'cloud-init' ? 1 : 2);
  }
  const userData = parse(text(fileOf(planned('cloud-init'), 'user-data').shown));
  t.is(userData.ssh_keys.ed25519_private, `*** secret, ${privateOpenssh.length} bytes ***\n`);
  t.is(userData.write_files[1].content, '*** secret, 10 bytes ***');
  t.is(userData.write_files[0].content, 'Welcome\tto "the" bramble\n');
  t.is(text(fileOf(planned('device-init'), 'bramble/files/1').shown), '*** secret, 10 bytes ***');
});

const refused: readonly (readonly [name: string, additions: Partial<Additions>])[] = [
  ['a path with a way out', { files: [aFile('/etc/../root/x', '')] }],
  ['a path with a command in it', { files: [aFile('/etc/$(reboot)', '')] }],
  ['a path that is not absolute', { files: [aFile('etc/x', '')] }],
  ['a mode of words', { files: [aFile('/etc/x', '', { mode: 'u+s; reboot' })] }],
  ['an owner with a space', { files: [aFile('/etc/x', '', { owner: 'root; reboot' })] }],
  ['a file of more than 1 MiB', { files: [aFile('/x', new Uint8Array(2 ** 20 + 1))] }],
  ['more than 4 MiB together', { files: [0, 1, 2, 3, 4].map((n) => aFile(`/x${n}`, new Uint8Array(2 ** 20))) }],
  ['an empty command', { runcmd: [''] }],
  ['a command with a NUL', { runcmd: ['a\0b'] }],
  ['a container image with a quote', { containerImages: ["x'y"] }],
];
for (const [name, more] of refused) {
  test(`refused: ${name}`, (t) => {
    t.throws(() => planned('cloud-init', { additions: { files: [], runcmd: [], containerImages: [], ...more } }));
  });
}

test('config.txt and cmdline.txt: only what has to change, at the place where the firmware looks', (t) => {
  const wish = { ...planned('cloud-init') };
  t.false(paths(wish).includes('config.txt'));
  const base: BoardWish = {
    hostname: must(parseHostname('worker-kube1')),
    address: undefined,
    sshHostKey: { privateOpenssh, publicLine },
    authorizedKey: publicLine,
    format: 'cloud-init',
    mark: { deviceId: 'd-0123456789ab', clusterId: 'lab', arming: 'f00d' },
  };
  const plan = must(
    planBoard(base, { cmdline: 'root=x', cmdlinePath: 'current/cmdline.txt', configTxt: '# für\na=1\n' }),
  );
  t.is(text(fileOf(plan, 'config.txt').bytes), '# f?r\na=1\n');
  t.is(text(fileOf(plan, 'current/cmdline.txt').bytes), 'root=x cgroup_memory=1 cgroup_enable=memory ds=nocloud\n');
  t.false(paths(plan).includes('cmdline.txt'));
  const bad = planBoard(base, { cmdline: 'root=x', configTxt: 'name=für\n' });
  t.is(bad.ok ? '' : bad.error.code, 'PLAN_BAD_CONFIG');
});
