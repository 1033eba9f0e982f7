import test, { type ExecutionContext } from 'ava';
import { err, ok } from '../../../../config/result.ts';
import { seconds } from '../../../../config/values.ts';
import { createNodeGuard } from '../../../../daemon/app/boards/node-guard.ts';
import type { NodeFacts } from '../../../../daemon/cluster/nodes.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { aDevice, START, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';
import { nodeFacts } from '../../../support/nodes.ts';

const quarantined = [{ key: 'bramble.dev/quarantine', value: '', effect: 'NoSchedule' }];
const nodeOf = (name: string, changes: Partial<NodeFacts> = {}): NodeFacts =>
  nodeFacts({ name, internalIp: '10.77.0.200', ...changes });
const ours = (board: Device): NodeFacts => nodeOf(board.name, { internalIp: board.address, device: board.id });

/** One process; the cluster and the disk (doubles) outlive it. */
function world(t: ExecutionContext, board: Device = aDevice({ ...states.ready, quarantined: false })) {
  const clock = createClockDouble();
  const nodes = new Map<string, NodeFacts>();
  const settings = new Map<string, string>();
  const events: LifecycleEvent[] = [];
  const notices: string[] = [];
  const told: string[] = [];
  const api: { isDown: boolean; isSynced: boolean; patched: string[] } = { isDown: false, isSynced: true, patched: [] };
  const disk: { isFull: boolean } = { isFull: false };
  const listeners = new Set<() => void>();

  const put = (node: NodeFacts): void => {
    nodes.set(node.name, node);
    for (const listener of [...listeners]) listener();
  };
  function start() {
    const stop = new AbortController();
    const log = createLogDouble();
    const guard = createNodeGuard({
      cluster: {
        nodes: () => [...nodes.values()],
        synced: () => api.isSynced,
        onNodes: (listener) => {
          const call = (): void => listener({ type: 'changed', item: nodeOf('any') });
          listeners.add(call);
          return () => void listeners.delete(call);
        },
        putQuarantine: async (name) => {
          if (api.isDown) return err({ code: 'API_UNREACHABLE', detail: '' });
          api.patched.push(name);
          const node = nodes.get(name);
          if (node !== undefined && node.taints.length === 0) put({ ...node, taints: quarantined });
          return ok(undefined);
        },
      },
      boards: () => [board],
      dispatch: async (_, event) => {
        events.push(event);
        return ok(transition(board, event, START));
      },
      settings,
      commit: async (batch: readonly Write[]) => {
        if (disk.isFull) throw new Error('STORE_FULL');
        for (const one of batch) {
          if (one.write === 'put-setting') settings.set(one.key, one.value);
          if (one.write === 'append-notice') notices.push(one.reason);
        }
        return 1;
      },
      onNotice: () => void told.push('told'),
      clock,
      log,
    });
    const done = guard.follow(stop.signal);
    const kill = async (): Promise<void> => {
      stop.abort();
      await done;
    };
    t.teardown(kill);
    return { guard, log, kill };
  }
  const look = () => clock.advance(seconds(15));
  return { board, notices, told, nodes, settings, events, api, disk, put, start, look };
}

test('a Node under the name of a board gets no work, and its board says so; the board’s own one is left alone', async (t) => {
  const { board, put, start, look, events, api } = world(t);
  put(ours(board));
  const { guard, log } = start();
  await look();
  t.deepEqual(api.patched, []);
  put(nodeOf(board.name, { uid: 'thief' }));
  await look();
  t.deepEqual(api.patched, [board.name]);
  t.like(events, [{ event: 'node-suspected', node: 'worker-kube1' }]);
  t.like(log.find('a Node is not what we joined: it gets no work'), {
    level: 'error',
    fields: { node: 'worker-kube1' },
  });
  const [line, ...more] = guard.advice();
  t.deepEqual(more, []);
  t.regex(
    line ?? '',
    /^the Node worker-kube1 gets no work: it has the name of worker-kube1, .*kubectl delete node worker-kube1, .*kubectl taint node worker-kube1 bramble\.dev\/quarantine:NoSchedule-$/,
  );
});

test('a Node with the name, the address and the label of a board that has not joined yet gets no work', async (t) => {
  for (const state of [states.accepted, states.installing, states.starting]) {
    const { board, put, start, look, events, api } = world(t, aDevice(state));
    const { log } = start();
    await look();
    put(ours(board));
    await look();
    await look();
    t.deepEqual(api.patched, [board.name], state.name);
    t.deepEqual(events, [], 'it may be of its earlier life');
    t.truthy(log.find('a Node is Ready before its board has joined: it gets no work'));
  }
  const { board, put, start, look, api } = world(t, aDevice(states.joining));
  start();
  await look();
  put(ours(board));
  await look();
  t.deepEqual(api.patched, [], 'its join looks after it');
});

test('a name that nobody gave is tainted and told of once, also over a restart; the owner’s word stands', async (t) => {
  const { put, start, look, events, notices, told, api, nodes } = world(t);
  const first = start();
  await look();
  put(nodeOf('stranger'));
  await look();
  t.deepEqual(api.patched, ['stranger']);
  t.is(events.length, 0, 'it concerns no board');
  t.deepEqual(notices, ['the Node stranger gets no work: bramble joined no Node of this name']);
  t.is(told.length, 1);
  t.is(first.guard.advice().length, 1);
  await first.kill();
  const second = start();
  await look();
  t.is(second.guard.advice().length, 1);
  put(nodeOf('stranger'));
  await look();
  t.deepEqual(api.patched, ['stranger'], 'the owner took the taint off');
  t.deepEqual(second.guard.advice(), []);
  nodes.delete('stranger');
  put(nodeOf('stranger', { uid: 'another' }));
  await look();
  t.deepEqual(api.patched, ['stranger', 'stranger'], 'another one of the same name');
});

test('what was there before bramble is left alone for good, and so is the control plane', async (t) => {
  const { put, start, look, api, settings } = world(t);
  put(nodeOf('old-server'));
  api.isSynced = false;
  const first = start();
  await look();
  t.is(settings.size, 0, 'nobody knows yet what is there');
  api.isSynced = true;
  put(nodeOf('master', { controlPlane: true }));
  await look();
  put(nodeOf('old-server', { internalIp: '10.77.0.100' }));
  await look();
  await first.kill();
  start();
  await look();
  t.deepEqual(api.patched, []);
  put(nodeOf('new-server'));
  await look();
  t.deepEqual(api.patched, ['new-server']);
});

test('a board of ours that was there at the first look is watched like any other', async (t) => {
  const { board, put, start, look, api } = world(t);
  put(ours(board));
  start();
  await look();
  put({ ...ours(board), internalIp: '10.66.66.66' });
  await look();
  t.deepEqual(api.patched, [board.name]);
});

test('an API that is away and a full disk: tried again, and told at least once', async (t) => {
  const { put, start, look, events, api, disk, board } = world(t);
  start();
  await look();
  api.isDown = true;
  put(nodeOf(board.name));
  await look();
  t.deepEqual(events, []);
  api.isDown = false;
  disk.isFull = true;
  await look();
  disk.isFull = false;
  await look();
  await look();
  t.true(api.patched.length >= 1 && events.length >= 1 && events.length <= 3, `${api.patched} ${events.length}`);
  const { length } = events;
  await look();
  t.is(events.length, length);
});

test('a kubelet that says something else every moment costs one write for each kind of lie', async (t) => {
  const { put, start, look, events, board } = world(t);
  start();
  await look();
  for (let number = 0; number < 500; number++) {
    put({ ...ours(board), internalIp: `10.66.${number >> 8}.${number & 255}` });
    put(nodeOf(board.name, { uid: ours(board).uid }));
    await look();
  }
  t.true(events.length <= 2, String(events.length));
});

test('what is kept is what is there', async (t) => {
  const { put, start, look, settings, nodes } = world(t);
  start();
  await look();
  for (let number = 0; number < 50; number++) {
    nodes.clear();
    put(nodeOf(`stranger${number}`));
    await look();
  }
  t.is(Object.keys(JSON.parse([...settings.values()][0] ?? '')).length, 1);
});

test('a board that was taken out and is back, and one that gives up its place', async (t) => {
  const left = world(t, aDevice({ name: 'left', by: 'owner', done: true }));
  left.start();
  await left.look();
  left.put(ours(left.board));
  await left.look();
  t.deepEqual(left.api.patched, [left.board.name]);
  const was = { name: aDevice().name, address: aDevice().address };
  const givingUp = world(t, {
    ...aDevice({ ...states.replaced, was, left: false }),
    name: 'worker-kube1-old' as Device['name'],
  });
  givingUp.start();
  await givingUp.look();
  givingUp.put(nodeOf('worker-kube1', { device: givingUp.board.id }));
  await givingUp.look();
  t.deepEqual(givingUp.api.patched, []);
});
