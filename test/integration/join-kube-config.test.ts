import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { must, ok, problem } from '../../config/result.ts';
import { millis, parseDeviceId, parseHostname, seconds } from '../../config/values.ts';
import { BOOT_TURN, watchBoots } from '../../daemon/app/boards/boot-watch.ts';
import { createApi } from '../../daemon/cluster/api.ts';
import { openCluster } from '../../daemon/cluster/index.ts';
import type { KubeRequest } from '../../daemon/join/cluster-port.ts';
import type { JoinBoard, SshSession } from '../../daemon/join/driver.ts';
import { createJoiner } from '../../daemon/join/index.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { kubeConfigDriver } from '../../daemon/join/kube-config.ts';
import { withSsh } from '../../daemon/join/ssh.ts';
import type { LifecycleEvent } from '../../daemon/lifecycle/event.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { aDevice, states } from '../support/boards.ts';
import { createClockDouble, createLogDouble } from '../support/doubles.ts';
import { type HypriotBoard, loopback, startHypriotBoard } from '../support/kube-config-stand-in/board.ts';
import { anyTime, ownKeysDouble } from '../unit/join/own-keys-double.ts';
import { freePort } from './join-board.ts';

const standIn = fileURLToPath(new URL('../support/kube-config-stand-in', import.meta.url));
const daemonKey = generateSshKeyPair('daemon');
const context = { signal: new AbortController().signal, transfer: <T>(work: () => Promise<T>) => work() };
/** Ten times as fast as the real one: the stand-ins' heartbeats are twenty times as fast. */
const clock = { sleep: (time: number, signal: AbortSignal) => systemClock.sleep(millis(time / 10), signal) };

async function scene(t: ExecutionContext) {
  const port = await freePort();
  const master = loopback();
  const api = createApi({
    access: async () => ({ ok: true, value: { server: `http://${master}:8080`, options: {} } }),
    refused: () => undefined,
  });
  const driver = kubeConfigDriver({ master, timezone: 'Europe/Amsterdam', request: api.request, clock });
  const start = (options: { cmdline?: string; address?: typeof master } = {}) =>
    startHypriotBoard(t, { authorized: daemonKey.publicLine, port, ...options });
  const on = async <T>(board: HypriotBoard, work: (session: SshSession) => Promise<T>): Promise<T> =>
    must(
      await withSsh(
        {
          ...{ host: board.address, port, username: 'root', privateKey: daemonKey.privateOpenssh },
          ...{ hostKeys: [board.hostKey.publicLine], timeout: seconds(20), signal: context.signal },
        },
        work,
      ),
    );
  const asked = async (name: string): Promise<unknown> => {
    const answer = await api.request('GET', `/api/v1/nodes/${name}`, { signal: context.signal });
    return answer.ok ? answer.value : answer.error.code;
  };
  return { driver, start, on, master, asked, port };
}

/** What a master said that is not there any more. */
const healthy: KubeRequest = async (_, path) =>
  path.endsWith('/componentstatuses')
    ? ok({ items: [{ conditions: [{ type: 'Healthy', status: 'True' }] }] })
    : ok({ status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: '' }] } });

const joinBoard = (board: HypriotBoard, number = 1): JoinBoard => ({
  id: must(parseDeviceId(`d-00000000000${number}`)),
  name: must(parseHostname(`worker-kube${number}`)),
  address: board.address,
  fixedAddress: true,
  hostKeys: [board.hostKey.publicLine],
  nodePassword: '',
  serials: [],
  labels: { 'bramble.dev/model': 'pi3b-plus' },
});

test('a master, then a worker; a boot of each; and out again: etcd is never cleaned', async (t) => {
  const { driver, start, on, master, asked } = await scene(t);
  const { controlPlane } = driver;
  if (controlPlane === undefined || driver.needsToken) return t.fail();
  const first = await start({ address: master });
  const m = joinBoard(first);
  t.true(controlPlane.isOn(m));
  const raise = (): Promise<unknown> => on(first, (session) => controlPlane.raise(session, m, context));
  t.deepEqual(await on(first, (session) => driver.probe(session, context)), { ok: true, value: 'absent' });
  t.deepEqual(await raise(), { ok: true, value: undefined });
  t.deepEqual(await on(first, (session) => driver.probe(session, context)), { ok: true, value: 'joined' });
  const fetched = (await first.done()).slice(0, 2);
  t.regex(fetched[0] ?? '', /^curl .*v0\.8\.0\/docker-multinode\.deb$/);
  t.is(fetched[1], 'dpkg -i');
  const installed =
    'kube-config install [BOARD=rpi-3 NEW_HOSTNAME=worker-kube1 OS=hypriotos REBOOT=0 STORAGE_DRIVER=overlay SWAP=0 TIMEZONE=Europe/Amsterdam ]';
  t.deepEqual((await first.done()).slice(2), [installed, 'kube-config enable-master []']);
  t.deepEqual(await raise(), { ok: true, value: undefined });
  t.is((await first.done()).length, 4, 'nothing is done to a master that works');

  const second = await start();
  const w = joinBoard(second, 2);
  const enter = async (): Promise<void> => {
    for (const step of ['leave', 'install', 'join', 'verify', 'finish'] as const) {
      const end = await on<unknown>(second, (session) =>
        step === 'leave' ? driver.leave(session, context) : Promise.resolve(driver[step]?.(session, w, context)),
      );
      t.deepEqual(end, { ok: true, value: undefined }, step);
    }
  };
  await enter();
  t.like(await asked(second.address), {
    metadata: {
      name: second.address,
      labels: { 'bramble.dev/device': w.id, 'bramble.dev/model': 'pi3b-plus', 'kubernetes.io/hostname': w.address },
    },
  });

  await first.restart();
  t.deepEqual(
    await on(first, (session) => driver.probe(session, context)),
    { ok: true, value: 'partial' },
    'its kubelet is started again, etcd and flannel are not',
  );
  t.deepEqual(await raise(), { ok: true, value: undefined });
  t.like(await asked(second.address), { metadata: { name: second.address } }, 'etcd is as it was');

  await second.restart();
  t.deepEqual(await on(second, (session) => driver.probe(session, context)), { ok: true, value: 'partial' });
  await enter();
  t.deepEqual(await on(second, (session) => driver.leave(session, context)), { ok: true, value: undefined });
  t.deepEqual(await on(second, (session) => driver.probe(session, context)), { ok: true, value: 'clean' });
  t.deepEqual(await on(second, (session) => driver.leave(session, context)), { ok: true, value: undefined });
  t.deepEqual(
    (await second.done()).slice(2).map((line) => line.replace(/ \[.*/, '')),
    [
      ...['kube-config install', `kube-config enable-worker ${master}`],
      ...['kube-config disable', `kube-config enable-worker ${master}`, 'kube-config disable'],
    ],
    'installed once, and never cleaned',
  );
  t.deepEqual(await on(first, (session) => driver.leave(session, context)), { ok: true, value: undefined });
  t.notRegex((await first.done()).join('\n'), /cleaned/);
  t.regex(
    await first.read('/var/lib/kubelet/etcd/nodes'),
    new RegExp(second.address),
    'a master that left has its etcd',
  );
});

/** Everything that a board goes through until it is enabled; the problem of the first step that fails. */
async function enter(of: Awaited<ReturnType<typeof scene>>, board: HypriotBoard) {
  const { driver, on } = of;
  if (driver.needsToken) throw new Error('kube-config has no tokens');
  const left = await on(board, (session) => driver.leave(session, context));
  if (!left.ok) return left;
  const installed = await on(board, (session) => driver.install(session, joinBoard(board), context));
  return installed.ok ? on(board, (session) => driver.join(session, joinBoard(board), context)) : installed;
}
const fault = (board: HypriotBoard, word: string): string => board.run(`echo ${word} > /etc/kube-config-faults`);
const mend = (board: HypriotBoard): string => board.run('rm -f /etc/kube-config-faults');
const installations = async (board: HypriotBoard): Promise<number> =>
  (await board.done()).filter((line) => line.startsWith('kube-config install')).length;

test('what was not downloaded is told of, and fetched at the next try', async (t) => {
  const of = await scene(t);
  const board = await of.start();
  const tell = async (): Promise<unknown> => {
    const end = await of.on(board, (session) => of.driver.install(session, joinBoard(board), context));
    return end.ok ? 'ok' : `${end.error.code}: ${end.error.detail}`;
  };
  fault(board, 'no-internet');
  t.is(await tell(), 'INSTALL_FAILED: kube-config install: docker-multinode 0.8.0 could not be installed');
  mend(board);
  board.run(`ln -s ${standIn}/kube-config /usr/local/bin/kube-config`);
  fault(board, 'no-internet');
  t.regex(String(await tell()), /^INSTALL_FAILED: .*does the board reach the internet/, 'kubectl is a web page');
  fault(board, 'cut-clone');
  board.run('rm -rf /etc/kubernetes/kube-deploy');
  t.regex(String(await tell()), /^INSTALL_FAILED: /, 'kube-deploy is an empty folder');
  t.is(await installations(board), 2, 'its exit code was 0');
  mend(board);
  t.is(await tell(), 'ok');
  t.is(await tell(), 'ok');
  t.is(await installations(board), 3, 'and not once more than that');
  t.is(board.boots(), 1, 'REBOOT=0');
});

test('a kernel that does not count memory: restarted once, though kube-config found no place for its flags', async (t) => {
  const of = await scene(t);
  const board = await of.start({ cmdline: 'root=/dev/mmcblk0p2 quiet' });
  const install = () => of.on(board, (session) => of.driver.install(session, joinBoard(board), context));
  const codeOf = async (): Promise<string> => {
    const end = await install();
    return end.ok ? 'ok' : end.error.code;
  };
  t.is(await codeOf(), 'BOARD_RESTARTS');
  await board.booted(2);
  t.is(await board.read('/boot/cmdline.txt'), flagged);
  t.is(await codeOf(), 'ok');
  t.is(await installations(board), 1);
  // From the next boot on its kernel is started with something else.
  board.run('touch /etc/kube-config-deaf');
  await board.restart();
  t.is(await codeOf(), 'BOARD_RESTARTS');
  await board.booted(4);
  t.is(await codeOf(), 'CGROUPS_MISSING', 'not over and over');
});
const flagged = 'root=/dev/mmcblk0p2 quiet cgroup_enable=memory swapaccount=1 cgroup_enable=cpuset\n';

test('a master that dies before a worker asks for it: kube-config ends with 0, and the join with a problem', async (t) => {
  const of = await scene(t);
  const board = await of.start();
  const driver = kubeConfigDriver({ master: of.master, timezone: 'Etc/UTC', request: healthy, clock });
  const end = await enter({ ...of, driver }, board);
  t.like(end, { ok: false, error: { code: 'JOIN_FAILED' } });
  t.regex(end.ok ? '' : end.error.detail, /after kube-config enable-worker .* the board is clean: .*not found/);
  t.deepEqual(await of.on(board, (session) => driver.probe(session, context)), { ok: true, value: 'clean' });
});

test('a step of enabling that fails, and a docker that does not run', async (t) => {
  const of = await scene(t);
  const board = await of.start({ address: of.master });
  const { controlPlane } = of.driver;
  if (controlPlane === undefined) return t.fail();
  const raise = () => of.on(board, (session) => controlPlane.raise(session, joinBoard(board), context));
  t.true((await raise()).ok);
  const etcd = await board.read('/var/lib/kubelet/etcd/nodes');
  await board.restart();
  fault(board, 'flannel-fails');
  const end = await raise();
  t.like(end, { ok: false, error: { code: 'JOIN_FAILED' } });
  t.regex(end.ok ? '' : (end.error.output ?? ''), /flannel failed to start/);
  board.run('rm /run/docker-stand-in/up');
  const down = await raise();
  t.regex(down.ok ? '' : down.error.detail, /Docker is not running/);
  mend(board);
  await board.restart();
  t.true((await raise()).ok, 'and all is well after that');
  t.is(uidIn(await board.read('/var/lib/kubelet/etcd/nodes')), uidIn(etcd), 'with the same etcd');
});
const uidIn = (text: string): string | undefined => /"uid":"([^"]+)"/.exec(text)?.[1];

test('the clean-up that is asked for destroys the cluster, in the stand-in as in truth', async (t) => {
  const of = await scene(t);
  const board = await of.start({ address: of.master });
  const { controlPlane } = of.driver;
  if (controlPlane === undefined) return t.fail();
  t.true((await of.on(board, (session) => controlPlane.raise(session, joinBoard(board), context))).ok);
  await of.on(board, (session) => session.run('sh', ['-c', 'kube-config disable < /dev/null']));
  t.is(await board.read('/var/lib/kubelet/etcd/nodes'), '');
  t.regex((await board.done()).join('\n'), /cleaned/);
});

test('without an address of its own a board would be another Node after each lease', async (t) => {
  const of = await scene(t);
  const board = await of.start();
  const guest = { ...joinBoard(board), fixedAddress: false };
  const end = await of.on(board, (session) => of.driver.install(session, guest, context));
  t.is(end.ok ? '' : end.error.code, 'ADDRESS_NOT_FIXED');
  t.deepEqual(await board.done(), []);
});

test('by the joiner: the master first, workers wait for it, and a board that was started anew is enabled again', async (t) => {
  const of = await scene(t);
  const [first, second] = [await of.start({ address: of.master }), await of.start()];
  const closing = new AbortController();
  const deps = { random: systemRandom, log: createLogDouble(), signal: closing.signal };
  const cluster = openCluster({
    ...{ ...deps, clock: systemClock, kubeconfig: '/nowhere' },
    plainServer: () => `http://${of.master}:8080`,
  });
  const boards = [joinBoard(first, 1), joinBoard(second, 2)] as const;
  const joiner = createJoiner({
    ...{ ...deps, clock: systemClock, cluster, driver: async () => ok(of.driver) },
    ...{ privateKey: daemonKey.privateOpenssh, ssh: { port: of.port }, earliest: anyTime },
    ownKeys: { ...ownKeysDouble().keys, pinned: (id) => boards.find((board) => board.id === id)?.hostKeys[0] },
  });
  t.teardown(async () => {
    closing.abort();
    await Promise.all([joiner.done, cluster.done]);
  });
  const { signal } = closing;
  const [master, worker] = boards;
  t.like(await joiner.join(worker, signal), { ok: false, error: { code: 'API_UNREACHABLE' } }, 'it waits its turn');
  t.deepEqual(await second.done(), [], 'and nothing was done to it');
  for (const board of boards) {
    t.deepEqual(await joiner.join(board, signal), { ok: true, value: undefined }, board.name);
    t.deepEqual(await joiner.release(board, signal), { ok: true, value: undefined });
    t.is(cluster.node(board.address)?.ready, true);
  }
  const uid = cluster.node(worker.address)?.uid;

  const events: LifecycleEvent[] = [];
  const turns = Promise.withResolvers<void>();
  const ticks = createClockDouble();
  void watchBoots(
    {
      ...{ joiner, driver: async () => ok(of.driver), log: deps.log, clock: ticks },
      boards: () => [aDevice(states.ready, { id: worker.id, name: worker.name, address: worker.address })],
      keys: { accepted: () => worker.hostKeys },
      dispatch: async (_id, event) => {
        events.push(event);
        turns.resolve();
        return problem('DEVICE_GONE', '');
      },
    },
    signal,
    () => undefined,
  );
  await ticks.advance(BOOT_TURN);
  await ticks.whenSleeping(1);
  t.deepEqual(events, [], 'it is as it was');
  await second.restart();
  await ticks.advance(BOOT_TURN);
  await turns.promise;
  t.deepEqual(events, [{ event: 'cluster-programs-gone' }]);
  t.deepEqual(await joiner.join(worker, signal), { ok: true, value: undefined });
  t.is(cluster.node(worker.address)?.uid, uid, 'its Node is the same, with all that the owner did to it');
  t.deepEqual(await joiner.leave(worker, signal), { ok: true, value: undefined });
  t.is(await of.asked(worker.address), 'API_NOT_FOUND');
  t.deepEqual(await joiner.leave(master, signal), { ok: true, value: undefined }, 'though nobody can be asked then');
  t.notRegex([...(await first.done()), ...(await second.done())].join('\n'), /cleaned/);
});
