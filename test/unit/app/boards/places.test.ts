/** What goes on round about joining and leaving: the place is free, the cluster is there, the owner's labels come along. */
import test, { type ExecutionContext } from 'ava';
import { must, ok, type Problem, problem, type Result } from '../../../../config/result.ts';
import { parseDeviceId, parseHostname, parseMac, seconds } from '../../../../config/values.ts';
import { nodeLabels } from '../../../../daemon/app/boards/node-labels.ts';
import { inPlaces } from '../../../../daemon/app/boards/places.ts';
import { readNode } from '../../../../daemon/cluster/nodes.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import type { Effect } from '../../../../daemon/lifecycle/effect.ts';
import { aDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';
import { openNew, put } from '../../store/samples.ts';

const aNode = (device: string | undefined, labels: Readonly<Record<string, string>> = {}) => ({
  metadata: { name: 'worker-kube1', uid: 'u', labels: { ...labels, ...(device && { 'bramble.dev/device': device }) } },
});

/** A cluster with at most one Node, `worker-kube1`, that may be away (double). */
function clusterDouble() {
  const cluster: { node: unknown; away: boolean; readonly patches: unknown[] } = {
    node: undefined,
    away: false,
    patches: [],
  };
  const gone = problem('API_UNREACHABLE', 'connection refused');
  const find = (name: string) => (name === 'worker-kube1' ? cluster.node : undefined);
  const request = async (method: string, path: string, { body }: { readonly body?: unknown }) => {
    if (cluster.away) return gone;
    const found = find(path.split('/').at(-1) ?? '');
    if (found === undefined) return problem('API_NOT_FOUND', 'no such Node');
    if (method === 'PATCH') cluster.patches.push(body);
    return ok(found);
  };
  const readOne = async (name: string) => (cluster.away ? gone : ok(readNode(find(name))));
  const reachable = async (): Promise<Result<string, Problem<'API_UNREACHABLE'>>> => (cluster.away ? gone : ok('v1'));
  return { cluster, api: { request, readNode: readOne, reachable } };
}

async function places(t: ExecutionContext, ...boards: readonly Device[]) {
  const { cluster, api } = clusterDouble();
  const clock = createClockDouble();
  const store = await openNew(t);
  await store.commit(boards.map(put));
  const done: Effect[] = [];
  const note = (effect: Effect) => async () => {
    done.push(effect);
    return undefined;
  };
  const all = { now: boards };
  const execute = inPlaces(
    {
      'decide-admission': note('decide-admission'),
      'make-image': note('make-image'),
      'await-ssh': note('await-ssh'),
      join: note('join'),
      'release-quarantine': note('release-quarantine'),
      leave: note('leave'),
      'start-installer': note('start-installer'),
      'find-installed': note('find-installed'),
      adopt: note('adopt'),
      drain: note('drain'),
      stop: note('stop'),
    },
    {
      ...{ cluster: api, labels: nodeLabels(api, store), boards: () => all.now, clock, log: createLogDouble() },
      carriesCluster: ({ name }) => name === 'the-master',
    },
  );
  const { signal } = new AbortController();
  return { execute, cluster, clock, done, store, all, signal };
}

test('a board joins under its name again: the labels that its Node had are on the new one', async (t) => {
  const board = aDevice(states.joining);
  const { execute, cluster, done, signal, store } = await places(t, board);
  cluster.node = aNode(board.id, { disk: 'ssd' });
  await execute.join(board, signal);
  const revision = store.revision();
  await execute.join(board, signal);
  t.is(store.revision(), revision, 'the same again is not written');
  cluster.node = aNode(board.id);
  await execute['release-quarantine'](board, signal);
  t.deepEqual(done, ['join', 'join', 'release-quarantine']);
  t.deepEqual(cluster.patches, [
    [
      { op: 'test', path: '/metadata/uid', value: 'u' },
      { op: 'add', path: '/metadata/labels/disk', value: 'ssd' },
    ],
  ]);
});

test('a Node of that name that is not the board’s gives nothing and gets nothing', async (t) => {
  const board = aDevice(states.joining);
  const { execute, cluster, signal } = await places(t, board);
  cluster.node = aNode('d-00000000000f', { disk: 'ssd' });
  await execute.join(board, signal);
  cluster.node = aNode(board.id);
  await execute['release-quarantine'](board, signal);
  t.deepEqual(cluster.patches, []);
});

test('the board that carries the cluster joins while there is none; the others wait for it', async (t) => {
  const master = aDevice(states.joining, { name: must(parseHostname('the-master')) });
  const waits = { ...states.joining, waits: 'connection refused' };
  const { execute, cluster, done, signal } = await places(t, master);
  cluster.away = true;
  t.like(await execute.join(aDevice(states.joining), signal), { event: 'join-failed', code: 'API_UNREACHABLE' });
  t.deepEqual(done, []);
  await execute.join(master, signal);
  await execute.join({ ...master, state: waits }, signal);
  t.deepEqual(done, ['join', 'join']);
});

const was = { name: must(parseHostname('worker-kube1')), address: undefined };
const replaced = { name: 'replaced', by: 'anna', was, left: false } as const;
const old = aDevice(replaced, {
  id: must(parseDeviceId('d-00000000000a')),
  name: must(parseHostname('worker-kube1-old')),
  macs: [must(parseMac('dc:a6:32:00:00:0a'))],
});

test('the heir gets the labels of the board whose place it has, and no image before that one is gone', async (t) => {
  const heir = aDevice(states.accepted);
  const { execute, cluster, clock, done, all, signal } = await places(t, heir, {
    ...old,
    ...{ addressing: 'heard', address: undefined },
  });
  const making = execute['make-image'](heir, signal);
  await clock.advance(seconds(60));
  t.deepEqual(done, []);
  cluster.node = aNode(old.id, { disk: 'ssd' });
  await execute.leave(old, signal);
  all.now = [heir, { ...old, state: { ...replaced, left: true } }];
  await clock.advance(seconds(5));
  await making;
  t.deepEqual(done, ['leave', 'make-image']);
  cluster.node = aNode(heir.id);
  await execute['release-quarantine'](heir, signal);
  t.deepEqual(JSON.stringify(cluster.patches).includes('"/metadata/labels/disk","value":"ssd"'), true);
});

test('a join waits until the cluster answers; leaving is tried again; nothing is lost by that', async (t) => {
  const board = aDevice(states.joining);
  const { execute, cluster, clock, done, signal } = await places(t, board);
  cluster.away = true;
  t.deepEqual(await execute.join(board, signal), {
    event: 'join-failed',
    code: 'API_UNREACHABLE',
    detail: 'connection refused',
  });
  await t.throwsAsync(async () => execute.leave(board, signal), { message: /API_UNREACHABLE/ });
  const waiting = aDevice({ name: 'joining', attempt: 3, waits: 'connection refused' });
  let end: unknown;
  const answered = execute.join(waiting, signal).then((event) => {
    end = event;
  });
  await clock.advance(seconds(60));
  t.is(end, undefined);
  cluster.away = false;
  await clock.advance(seconds(5));
  await answered;
  t.deepEqual(end, { event: 'cluster-answered' });
  t.deepEqual(done, []);
});
