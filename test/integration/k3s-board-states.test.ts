/** The driver's scripts for a board's states, in the two shells that boards have: what there is, and what a leaving takes away. */
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../config/result.ts';
import { k3sDriver } from '../../daemon/join/k3s.ts';
import { stepContext } from '../unit/join/step-context.ts';
import { type BareBoard, type Shell, startBareBoard } from './k3s-bare-board.ts';

const agent = '/var/lib/rancher/k3s/agent';
const unit = '/etc/systemd/system/k3s-agent.service';
const driver = k3sDriver({
  ...{ server: 'https://127.0.0.1:6443', caHash: 'ab'.repeat(32), version: 'v1.34.2+k3s1' },
  ...{ files: { list: async () => [], open: async () => undefined }, baseUrl: 'http://127.0.0.1:8067' },
});

const put = async ({ root }: BareBoard, ...paths: readonly string[]): Promise<void> => {
  for (const path of paths) {
    await mkdir(dirname(root + path), { recursive: true });
    await writeFile(root + path, 'x', { mode: 0o755 });
  }
};
const probe = async (board: BareBoard): Promise<string> =>
  must(await board.withSession((session) => driver.probe(session, stepContext)));
const leave = (board: BareBoard) => board.withSession((session) => driver.leave(session, stepContext));
/** Without the network of this machine, whose interfaces are not for a leaving to delete. */
const start = (t: ExecutionContext, shell: Shell, prepare = ':'): Promise<BareBoard> =>
  startBareBoard(t, { shell, prepare, offline: true });

for (const shell of ['dash', 'busybox'] as const) {
  test(`${shell}: from absent to joined, and back to clean`, async (t) => {
    const board = await start(t, shell);
    t.is(await probe(board), 'absent');
    must(await leave(board));
    await put(board, '/usr/local/bin/k3s');
    t.is(await probe(board), 'clean');
    must(await leave(board));
    t.is(await probe(board), 'clean');

    for (const trace of [`${agent}/serving-kubelet.crt`, '/etc/rancher/k3s/token', unit]) {
      await put(board, trace);
      t.is(await probe(board), 'partial', trace);
      must(await leave(board));
      t.is(await probe(board), 'clean', trace);
    }
    const joined = ['/etc/rancher/k3s/config.yaml', unit, `${agent}/client-kubelet.crt`, `${agent}/kubelet.kubeconfig`];
    await put(board, ...joined);
    t.is(await probe(board), 'joined');
    const enabled = '/etc/systemd/system/multi-user.target.wants/k3s-agent.service';
    await put(board, `${enabled}.other`, `${agent}/images/a.tar.zst`, '/etc/rancher/node/password');
    await symlink(unit, board.root + enabled);
    await put(board, '/etc/rancher/k3s/registries.yaml', '/etc/rancher/k3s/.hidden', `${agent}/etc/x`);
    await put(board, '/var/lib/kubelet/config', '/var/lib/cni/x', '/var/lib/rancher/k3s/storage/pvc/data');
    must(await leave(board));
    t.is(await probe(board), 'clean');
    t.deepEqual(await readdir(`${board.root}/etc/rancher/k3s`), ['registries.yaml']);
    t.deepEqual(await readdir(board.root + agent), ['images']);
    t.deepEqual(await readdir(`${board.root}/etc/rancher/node`), ['password']);
    t.deepEqual(await readdir(`${board.root}/var/lib/rancher/k3s/storage/pvc`), ['data']);
    t.deepEqual(
      (await readdir(`${board.root}/var/lib`)).filter((name) => name === 'kubelet' || name === 'cni'),
      [],
    );
    const wanted = await readdir(dirname(board.root + enabled));
    t.deepEqual(
      wanted.filter((name) => name.startsWith('k3s')),
      ['k3s-agent.service.other'],
    );
    t.true((await board.systemctl()).includes('stop k3s-agent'));
  });

  test(`${shell}: a leaving kills containers and unmounts them, and nobody else`, async (t) => {
    const bin = '/var/lib/rancher/k3s/data/x/bin';
    const shim = `${bin}/containerd-shim-runc-v2`;
    const prepare = `mkdir -p ${bin} /run/k3s/sandbox /var/lib/kubelet/pods/p; cp /bin/dash ${shim}
cp /bin/sleep /run/container; cp /bin/sleep /run/neighbour
${shim} -c '/run/container 4321 & wait' & /run/neighbour 4321 &
mount -t tmpfs inner /run/k3s/sandbox; mount -t tmpfs inner /var/lib/kubelet/pods/p; mkdir /var/lib/kubelet/pods/p/deep
mount -t tmpfs inner /var/lib/kubelet/pods/p/deep`;
    const board = await start(t, shell, prepare);
    const running = 'for exe in /proc/[0-9]*/exe; do readlink $exe; done; cat /proc/mounts';
    const look = (): Promise<string> =>
      board.withSession(async (session) => must(await session.run('sh', ['-c', running])).stdout);
    const before = await look();
    for (const there of [shim, '/run/container', '/run/neighbour', '/run/k3s/sandbox']) t.true(before.includes(there));
    must(await leave(board));
    const after = await look();
    t.true(after.includes('/run/neighbour'));
    for (const gone of [shim, '/run/container', '/run/k3s', '/var/lib/kubelet']) t.false(after.includes(gone), gone);
  });

  test(`${shell}: a server's data on the board stops a leaving before anything is done`, async (t) => {
    const board = await start(t, shell);
    await put(board, '/var/lib/rancher/k3s/server/db/state.db', unit, `${agent}/client-kubelet.crt`);
    const end = await leave(board);
    t.is(end.ok ? '' : end.error.code, 'K3S_SERVER_ON_BOARD');
    t.deepEqual(await readdir(board.root + agent), ['client-kubelet.crt']);
    t.deepEqual(await board.systemctl(), []);
  });
}
