/** How k3s comes onto a board: the driver's scripts in real shells, over real SSH, with the programs that boards have. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../config/values.ts';
import type { JoinBoard } from '../../daemon/join/driver.ts';
import { k3sDriver } from '../../daemon/join/k3s.ts';
import { stepContext } from '../unit/join/step-context.ts';
import { type BareBoard, type Fetcher, type Shell, startBareBoard } from './k3s-bare-board.ts';
import { type FileServer, startFileServer } from './k3s-file-server.ts';

/** busybox goes by its own `uname`, whatever the board's says. */
const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';

const board: JoinBoard = {
  id: must(parseDeviceId('d-0123456789ab')),
  name: must(parseHostname('worker-kube1')),
  address: must(parseIpv4('127.0.0.1')),
  ...{ fixedAddress: false, hostKeys: [], nodePassword: 'ab'.repeat(16), serials: [], labels: {} },
};
const [program, imagesAt] = [
  '/usr/local/bin/k3s',
  `/var/lib/rancher/k3s/agent/images/k3s-airgap-images-${arch}.tar.zst`,
];
const content = { binary: randomBytes(3_000_000), images: randomBytes(1_000_000) };

const serve = (t: ExecutionContext): Promise<FileServer> =>
  startFileServer(t, arch, [
    { kind: 'binary', bytes: content.binary },
    { kind: 'images', bytes: content.images },
  ]);

const driverOf = ({ baseUrl, files }: FileServer) =>
  k3sDriver({ server: 'https://127.0.0.1:6443', caHash: 'ab'.repeat(32), version: 'v1.34.2+k3s1', files, baseUrl });

const install = (at: BareBoard, server: FileServer, signal?: AbortSignal) =>
  at.withSession((session) => driverOf(server).install(session, board, stepContext), signal);

async function hasBoth(t: ExecutionContext, { root }: BareBoard): Promise<void> {
  t.true(content.binary.equals(await readFile(root + program)));
  t.is((await stat(root + program)).mode & 0o777, 0o755);
  t.true(content.images.equals(await readFile(root + imagesAt)));
  t.deepEqual(await readdir(`${root}/usr/local/bin`).then((names) => names.filter((name) => name.startsWith('k3s'))), [
    'k3s',
  ]);
}

for (const [shell, fetchers] of [
  ['dash', ['curl']],
  ['dash', ['wget']],
  ['dash', ['python3']],
  ['dash', []],
  ['busybox', ['busybox wget']],
] as const satisfies readonly (readonly [Shell, readonly Fetcher[]])[]) {
  const [fetcher = 'nothing that could fetch'] = fetchers;
  test(`${shell} and ${fetcher}: cut twice, gone on with, whole in the end, and left alone then`, async (t) => {
    const server = await serve(t);
    const at = await startBareBoard(t, { shell, fetchers });
    server.next.push({ cut: 1_000_000 }, { cut: 500_000 });
    must(await install(at, server));
    await hasBoth(t, at);
    const [binary, images] = server.list.map(({ sha256 }) => sha256.slice(0, 6));
    if (fetchers.length === 0) {
      t.deepEqual(server.asked, [], 'all of it went over SSH');
    } else {
      const offsets = server.asked
        .filter((line) => line.startsWith(`${binary}@`))
        .map((line) => Number(line.split('@')[1]));
      t.is(offsets.length, 3, server.asked.join(' '));
      t.deepEqual(
        [...offsets].sort((a, b) => a - b),
        offsets,
      );
      t.true(Number(offsets[1]) > 500_000 && Number(offsets[2]) > Number(offsets[1]));
      t.is(server.asked.at(-1), `${images}@0`);
    }
    server.asked.splice(0);
    must(await install(at, server));
    t.deepEqual(server.asked, []);
  });
}

test('a damaged file is removed and fetched once more; twice is a problem, and nothing of it stays', async (t) => {
  const server = await serve(t);
  const at = await startBareBoard(t, { shell: 'dash', fetchers: ['curl'] });
  server.next.push('damage', 'damage');
  const end = await install(at, server);
  t.is(end.ok ? '' : end.error.code, 'CHECKSUM_WRONG');
  t.deepEqual(
    (await readdir(`${at.root}/usr/local/bin`)).filter((name) => name.startsWith('k3s')),
    [],
  );
  server.next.push('damage');
  must(await install(at, server));
  await hasBoth(t, at);
});

test('a board that HTTP does not reach gets its files over SSH', async (t) => {
  const server = await serve(t);
  const at = await startBareBoard(t, { shell: 'dash', fetchers: ['curl'] });
  server.next.push('refuse', 'refuse', 'refuse', 'refuse');
  must(await install(at, server));
  await hasBoth(t, at);
});

for (const [shell, fetcher] of [
  ['dash', 'curl'],
  ['busybox', 'busybox wget'],
] as const) {
  test(`${shell}: a session that is lost in the middle leaves nobody behind who writes into the same file`, async (t) => {
    const server = await serve(t);
    const at = await startBareBoard(t, { shell, fetchers: [fetcher] });
    server.next.push({ hold: 700_000 });
    const closing = new AbortController();
    const lost = install(at, server, closing.signal);
    await server.held;
    closing.abort(new Error('the cable was pulled'));
    await t.throwsAsync(lost, { message: 'the cable was pulled' });
    must(await install(at, server));
    await hasBoth(t, at);
    const left = await at.withSession((session) =>
      session.run('sh', ['-c', 'for p in /proc/[0-9]*/cmdline; do tr "\\0" " " < $p; echo; done']),
    );
    t.false(must(left).stdout.includes('/v1/cluster/files/'), must(left).stdout);
  });
}

test('a full disk is told before it is filled', async (t) => {
  const server = await serve(t);
  const prepare = 'mount -t tmpfs -o size=16m small /usr/local';
  const at = await startBareBoard(t, { shell: 'busybox', fetchers: ['busybox wget'], prepare });
  const end = await install(at, server);
  t.is(end.ok ? '' : end.error.code, 'DISK_FULL');
  t.regex(end.ok ? '' : end.error.detail, /k3s-a[a-z0-9]+ needs 67 MiB .* 1\d MiB are free/);
  t.deepEqual(server.asked, []);
});

test('a place where nothing can be written is told with the shell’s words', async (t) => {
  const server = await serve(t);
  const at = await startBareBoard(t, {
    shell: 'dash',
    fetchers: ['curl'],
    prepare: 'mount -t tmpfs -o ro none /usr/local',
  });
  const end = await install(at, server);
  t.is(end.ok ? '' : end.error.code, 'TRANSFER_FAILED');
  t.regex(end.ok ? '' : (end.error.output ?? ''), /Read-only file system/);
});

test('what a board is: memory not counted, an old processor, a server of its own', async (t) => {
  const server = await serve(t);
  for (const [options, code] of [
    [{ shell: 'busybox', prepare: 'echo cpu pids > /sys/fs/cgroup/cgroup.controllers' }, 'CGROUP_MEMORY_OFF'],
    [{ shell: 'dash', machine: 'armv6l' }, 'ARCH_UNSUPPORTED'],
    [{ shell: 'dash', prepare: 'mkdir -p /var/lib/rancher/k3s/server/db' }, 'K3S_SERVER_ON_BOARD'],
  ] as const) {
    const at = await startBareBoard(t, options);
    const end = await install(at, server);
    t.is(end.ok ? '' : end.error.code, code);
    t.false(existsSync(at.root + program));
  }
  // As kernels before cgroup v2 count it.
  const prepare = 'rm /sys/fs/cgroup/cgroup.controllers; printf "memory\\t5\\t70\\t1\\n" > /proc/cgroups';
  must(await install(await startBareBoard(t, { shell: 'busybox', prepare }), server));
});
