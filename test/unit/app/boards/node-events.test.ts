import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import type { Config } from '../../../../config/schema.ts';
import { masterAddress, nodeNames, plainServer } from '../../../../daemon/app/boards/kube-config.ts';
import { followNodes, NODES_TURN, nodeEvent } from '../../../../daemon/app/boards/node-events.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import { aDevice, aHeardDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';
import { nodeFacts } from '../../../support/nodes.ts';

function config(text: string): Config {
  const parsed = parseConfig(text);
  if (!parsed.ok) throw new Error('not a configuration');
  return parsed.value;
}

const byName = { cluster: { driver: 'k3s' } } as const;
const names = nodeNames(byName, () => createFleet([]));

test('what cannot be written is logged and looked at again, and no rejection is left alone', async (t) => {
  const clock = createClockDouble();
  const log = createLogDouble();
  const abort = new AbortController();
  let asked = 0;
  let turns = 0;
  const following = followNodes(
    { node: () => undefined, synced: () => true, onNodes: () => () => undefined },
    {
      fleet: createFleet([aDevice(states.ready)]),
      dispatch: () => {
        asked += 1;
        return Promise.reject(new Error('STORE_FULL'));
      },
    },
    { clock, log, names, signal: abort.signal, onTurn: () => turns++ },
  );
  await clock.advance(NODES_TURN);
  await clock.advance(NODES_TURN);
  t.is(asked, 3);
  t.is(turns, 3);
  t.truthy(log.find('what its Node is was not written'));
  abort.abort();
  await t.notThrowsAsync(following);
});

test('a Node with another address is another machine, unless the router may have given the board a new one', (t) => {
  const node = nodeFacts({ name: 'worker-kube1', internalIp: '10.77.0.77' });
  const nodes = { node: () => node, synced: () => true, onNodes: () => () => undefined };
  t.deepEqual(nodeEvent(aDevice(states.ready), nodes), { event: 'node-not-ready' });
  t.deepEqual(nodeEvent(aHeardDevice(states.ready), nodes), { event: 'node-ready' });
  const away = { ...nodes, node: () => ({ ...node, ready: false }) };
  t.deepEqual(nodeEvent(aHeardDevice(states.ready), away), { event: 'node-not-ready' });
});

test('a Node that is fenced is not Ready for its board, whatever its kubelet said last', (t) => {
  const taints = [{ key: 'bramble.dev/unreachable', value: '', effect: 'NoExecute' }];
  const fenced = nodeFacts({ name: 'worker-kube1', internalIp: '10.77.0.100', taints });
  const nodes = (node: typeof fenced) => ({ node: () => node, synced: () => true });
  for (const state of [states.ready, states.unreachable, states['waiting-for-proof']]) {
    t.deepEqual(nodeEvent(aDevice(state), nodes(fenced)), { event: 'node-not-ready' }, state.name);
    t.deepEqual(nodeEvent(aDevice(state), nodes({ ...fenced, taints: [] })), { event: 'node-ready' }, state.name);
  }
});

test('a Node that only has the name of a board whose join failed is not taken for it', (t) => {
  const failed = aHeardDevice({ name: 'failed', code: 'X', detail: '', resume: { at: 'join' } });
  const eventOf = (board: typeof failed, device: string | undefined, nodeName?: string) => {
    const node = nodeFacts({ name: 'worker-kube1', internalIp: String(board.address), device });
    return nodeEvent(board, { node: () => node, synced: () => true }, nodeName)?.event;
  };
  t.is(eventOf(failed, failed.id), 'node-ready');
  t.is(eventOf(failed, undefined), 'node-not-ready');
  t.is(eventOf(failed, undefined, '10.77.0.100'), 'node-ready', 'kube-config sets no labels');
  t.is(eventOf(failed, 'd-ffffffffffff'), 'node-not-ready');
  const ready = aHeardDevice(states.ready);
  t.is(eventOf(ready, undefined), 'node-ready', 'the owner may have taken the label off');
  t.is(eventOf(ready, 'd-ffffffffffff'), 'node-not-ready');
});

test('under kube-config a Node goes by its address, and the master is where its board is', (t) => {
  const board = aDevice(states.ready);
  const fleet = createFleet([board]);
  const legacy = config(`cluster: {driver: kube-config, controlPlane: ${board.name}}`);
  const [byAddress, byItsName] = [nodeNames(legacy, () => fleet), nodeNames(byName, () => fleet)];
  t.is(byAddress.of(board), board.address);
  t.is(byAddress.boardOf(String(board.address)), board);
  t.is(byAddress.boardOf(board.name), undefined);
  t.is(byItsName.of(board), board.name);
  t.is(byItsName.boardOf(board.name), board);
  t.is(masterAddress(legacy.cluster, fleet), board.address);
  t.is(plainServer(legacy, () => fleet)?.(), `http://${board.address}:8080`);
  t.is(plainServer(legacy, () => createFleet([]))?.(), undefined, 'not there yet');
  const outside = config('cluster: {driver: kube-config, server: "http://192.168.1.9:8080"}');
  t.is(plainServer(outside, () => fleet)?.(), 'http://192.168.1.9:8080');
  t.is(
    plainServer(config(''), () => fleet),
    undefined,
  );
});
