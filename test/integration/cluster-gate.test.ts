/** What the keepers do to a cluster, done to the real API server with the daemon's own rights; and what gets in between. */
import anyTest, { type TestFn } from 'ava';
import { must } from '../../config/result.ts';
import type { Gate } from '../../daemon/cluster/gate.ts';
import { createGate, surgeAnnotation } from '../../daemon/cluster/gate-api.ts';
import type { Cluster } from '../../daemon/cluster/index.ts';
import { settleMaster } from '../../daemon/cluster/master-taint.ts';
import { cordonAnnotation } from '../../daemon/cluster/nodes.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { findAssets } from '../lab/control-plane/start.ts';
import { createLogDouble } from '../support/doubles.ts';
import { becomesTrue, byHand, type Made, nodePath, openDaemonCluster, podPath, startPlane } from './cluster-plane.ts';

const assets = await findAssets();
const { signal } = new AbortController();

type Context = {
  readonly admin: Awaited<ReturnType<typeof startPlane>>['admin'];
  readonly cluster: Cluster;
  readonly hand: ReturnType<typeof byHand>;
};
const test = anyTest as TestFn<Context>;
const codeOf = (end: { ok: boolean; error?: { code: string } }): string => (end.ok ? 'ok' : (end.error?.code ?? ''));

if (assets === undefined) {
  test('the real control plane is here', (t) => {
    t.log('NOT RUN: the gate on the real API server. Run .ci/control-plane once, or set KUBEBUILDER_ASSETS.');
    t.not(process.env['CI'], 'true', 'CI must have the real control plane');
  });
} else {
  const ends: (() => Promise<void>)[] = [];
  test.before(async (t) => {
    t.timeout(300_000);
    const teardown = (end: () => Promise<void>): void => void ends.unshift(end);
    const plane = await startPlane({ log: t.log, teardown }, assets);
    const { cluster } = openDaemonCluster({ teardown }, plane.kubeconfig);
    const context = { admin: plane.admin, cluster, hand: byHand(plane.admin) };
    Object.assign(Object(t.context), context);
  });
  test.after.always(async () => {
    for (const end of ends) await end();
  });

  /** A gate whose next PATCH comes after somebody else's deed. */
  const overtaken = (cluster: Cluster, deed: () => Promise<unknown>, times = 1) => {
    let left = times;
    const request: Cluster['request'] = async (method, path, options) => {
      if (method === 'PATCH' && left-- > 0) await deed();
      return cluster.request(method, path, options);
    };
    return createGate({ request }, { clock: systemClock, log: createLogDouble() });
  };
  const fence = { key: 'bramble.dev/unreachable', value: '', effect: 'NoExecute' };
  const theirs = { key: 'example.com/theirs', value: 'x', effect: 'NoSchedule' };
  /** Kubernetes' own come and go with the condition Ready. */
  const taintsOf = (node: Made): readonly string[] =>
    ((node.spec['taints'] ?? []) as { key: string; effect: string }[])
      .filter(({ key }) => !key.startsWith('node.kubernetes.io/'))
      .map(({ key, effect }) => `${key}:${effect}`);
  /** How often it writes. */
  const writesOf = async (cluster: Cluster, deed: (gate: Gate) => Promise<unknown>): Promise<number> => {
    let writes = 0;
    const count = async (): Promise<void> => {
      writes += 1;
    };
    await deed(overtaken(cluster, count, 99));
    return writes;
  };

  test('a taint comes and goes beside those of others', async (t) => {
    const { admin, cluster, hand } = t.context;
    const node = await hand.node('tainted', { taints: [theirs] });
    const look = async (): Promise<Made> => admin.call('GET', nodePath(node.name));
    must(await cluster.gate.putTaint(node, fence, signal));
    t.deepEqual(taintsOf(await look()), ['example.com/theirs:NoSchedule', 'bramble.dev/unreachable:NoExecute']);
    t.is(await writesOf(cluster, (gate) => gate.putTaint(node, fence, signal)), 0);

    const late = { ...theirs, key: 'example.com/late' };
    const add = async () =>
      admin.call('PATCH', nodePath(node.name), {
        body: [{ op: 'add', path: '/spec/taints/-', value: late }],
        patch: 'json',
      });
    must(await overtaken(cluster, add).removeTaint(node, fence, signal));
    t.deepEqual(
      taintsOf(await look()),
      ['example.com/theirs:NoSchedule', 'example.com/late:NoSchedule'],
      'the one that came in between stays',
    );

    let round = 0;
    const restless = async () => {
      const value = { ...theirs, key: `example.com/${round++}` };
      await admin.call('PATCH', nodePath(node.name), {
        body: [{ op: 'add', path: '/spec/taints/-', value }],
        patch: 'json',
      });
    };
    t.is(codeOf(await overtaken(cluster, restless, 99).putTaint(node, fence, signal)), 'CHANGED');
    t.is(round, 5);
    t.is(codeOf(await cluster.gate.putTaint({ ...node, uid: 'another' }, fence, signal)), 'REPLACED');
    t.is(codeOf(await cluster.gate.putTaint({ ...node, name: 'nobody' }, fence, signal)), 'API_NOT_FOUND');
  });

  test('what somebody else cordoned stays his', async (t) => {
    const { admin, cluster, hand } = t.context;
    const [ours, his] = [await hand.node('ours'), await hand.node('his')];
    const look = async ({ name }: { name: string }) => {
      const node: Made = await admin.call('GET', nodePath(name));
      return [node.spec['unschedulable'] === true, node.metadata.annotations?.[cordonAnnotation]];
    };
    const kubectl = (name: string, unschedulable: boolean) =>
      admin.call('PATCH', nodePath(name), { body: { spec: { unschedulable } }, patch: 'merge' });
    must(await cluster.gate.cordon(ours, 'drain', signal));
    t.deepEqual(await look(ours), [true, 'drain']);
    must(await cluster.gate.cordon(ours, 'shutdown', signal));
    t.deepEqual(await look(ours), [true, 'drain']);
    must(await cluster.gate.uncordon(ours, signal));
    t.deepEqual(await look(ours), [false, undefined]);

    must(await overtaken(cluster, () => kubectl('his', true)).cordon(his, 'drain', signal));
    t.deepEqual(await look(his), [true, undefined]);
    must(await cluster.gate.uncordon(his, signal));
    t.deepEqual(await look(his), [true, undefined]);

    must(await cluster.gate.cordon(ours, 'drain', signal));
    await kubectl('ours', false);
    must(await cluster.gate.uncordon(ours, signal));
    t.deepEqual(await look(ours), [false, undefined], 'somebody was quicker');
    // Uncordoned by somebody, and cordoned again: only the first of the two leaves something of ours to be taken off.
    must(await cluster.gate.cordon(ours, 'drain', signal));
    must(await cluster.gate.disownCordon(ours, signal));
    t.deepEqual(await look(ours), [true, 'drain'], 'ours as long as it is cordoned');
    await kubectl('ours', false);
    must(await cluster.gate.disownCordon(ours, signal));
    t.deepEqual(await look(ours), [false, undefined]);
    await kubectl('ours', true);
    must(await cluster.gate.uncordon(ours, signal));
    t.deepEqual(await look(ours), [true, undefined]);
    t.is(codeOf(await cluster.gate.cordon({ ...his, uid: 'another' }, 'drain', signal)), 'REPLACED');
  });

  test('the master is tainted, and freed of what we put there', async (t) => {
    const { admin, cluster, hand } = t.context;
    const labels = { 'node-role.kubernetes.io/control-plane': 'true' };
    const master = await hand.node('master', { labels, taints: [theirs] });
    const settle = async (mayWork: boolean) => must(await settleMaster(cluster, master, mayWork, signal));
    const taints = async () => taintsOf(await admin.call('GET', nodePath('master')));
    const both = ['example.com/theirs:NoSchedule', 'node-role.kubernetes.io/control-plane:NoSchedule'];
    t.deepEqual([await settle(false), await taints()], ['written', both]);
    t.is(await settle(false), 'so already');
    t.deepEqual([await settle(true), await taints()], ['written', both.slice(0, 1)]);
    t.is(await settle(true), 'so already');
  });

  test('a Node is said to be unknown; its kubelet, which is alive after all, has the last word', async (t) => {
    const { admin, cluster, hand } = t.context;
    const node = await hand.node('gone');
    const ready = async () => {
      const { status }: Made = await admin.call('GET', nodePath('gone'));
      const conditions = (status?.['conditions'] ?? []) as { type: string; status: string; reason: string }[];
      const one = conditions.find(({ type }) => type === 'Ready');
      return `${one?.status} ${one?.reason}`;
    };
    const kubelet = () =>
      admin.call('PATCH', `${nodePath('gone')}/status`, {
        body: {
          status: {
            conditions: [
              { type: 'MemoryPressure', status: 'False' },
              { type: 'Ready', status: 'True', reason: 'Alive' },
            ],
          },
        },
        patch: 'strategic-merge',
      });
    must(await overtaken(cluster, kubelet).markUnknown(node, 'BrambleGone', 'two signs', signal));
    t.is(await ready(), 'Unknown BrambleGone');
    t.is(await writesOf(cluster, (gate) => gate.markUnknown(node, 'BrambleGone', 'two signs', signal)), 0);
    await kubelet();
    t.is(await ready(), 'True Alive');
    t.is(codeOf(await cluster.gate.markUnknown({ ...node, uid: 'another' }, 'BrambleGone', '', signal)), 'REPLACED');
  });

  test('a pod is evicted as its budgets allow, and never another of its name', async (t) => {
    const { cluster, hand } = t.context;
    const { gate } = cluster;
    await hand.node('pods');
    const free = await hand.pod('free', 'pods');
    t.is(codeOf(await gate.evict({ ...free, uid: 'another' }, signal)), 'REPLACED');
    must(await gate.evict(free, signal));
    await becomesTrue(
      async () => codeOf(await cluster.request('GET', podPath('free'), { signal })) === 'API_NOT_FOUND',
      () => 'the pod is still there',
    );
    must(await gate.evict(free, signal));

    const bound = await hand.pod('bound', 'pods', { app: 'bound' });
    await hand.budget('one', 'bound', 1);
    const workloads = cluster.workloads();
    await becomesTrue(
      () => workloads?.world().budgets.some(({ name }) => name === 'default/one') === true,
      () => 'no budget',
    );
    const refused = await gate.evict(bound, signal);
    t.is(codeOf(refused), 'BUDGET', JSON.stringify(refused));
    await hand.budget('two', 'bound', 0);
    t.is(codeOf(await gate.evict(bound, signal)), 'SEVERAL_BUDGETS');

    t.is(codeOf(await gate.forceDelete({ ...bound, uid: 'another' }, signal)), 'REPLACED');
    must(await gate.forceDelete(bound, signal));
    t.is(codeOf(await cluster.request('GET', podPath('bound'), { signal })), 'API_NOT_FOUND');
    must(await gate.forceDelete(bound, signal));
  });

  test('a Deployment is scaled from what it was, with a note', async (t) => {
    const { admin, cluster, hand } = t.context;
    const { gate } = cluster;
    const deployment = await hand.deployment('scaled', 1);
    const path = '/apis/apps/v1/namespaces/default/deployments/scaled';
    const look = async () => {
      const { spec, metadata }: Made = await admin.call('GET', path);
      return [spec['replicas'], metadata.annotations?.[surgeAnnotation]];
    };
    const note = { pod: 'default/scaled-x', uid: 'x', from: 1 };
    must(await gate.scale(deployment, 1, 2, note, signal));
    t.deepEqual(await look(), [2, JSON.stringify(note)]);
    must(await gate.scale(deployment, 1, 2, note, signal));
    t.deepEqual(await look(), [2, JSON.stringify(note)]);
    must(await gate.scale(deployment, 2, 1, null, signal));
    t.deepEqual(await look(), [1, undefined]);
    const five = () => admin.call('PATCH', path, { body: { spec: { replicas: 5 } }, patch: 'merge' });
    t.is(codeOf(await overtaken(cluster, five).scale(deployment, 1, 2, note, signal)), 'CHANGED');
    t.deepEqual(await look(), [5, undefined], 'his number stands');
    t.is(codeOf(await gate.scale({ ...deployment, uid: 'another' }, 5, 6, null, signal)), 'REPLACED');
  });

  test('the price of a pod, and a note on its Node', async (t) => {
    const { admin, cluster, hand } = t.context;
    const node = await hand.node('noted');
    const pod = await hand.pod('priced', 'noted');
    must(await cluster.gate.setDeletionCost(pod, -1000, signal));
    const { metadata }: Made = await admin.call('GET', podPath('priced'));
    t.is(metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'], '-1000');
    t.is(codeOf(await cluster.gate.setDeletionCost({ ...pod, uid: 'another' }, 1, signal)), 'REPLACED');
    t.is(codeOf(await cluster.gate.setDeletionCost({ ...pod, name: 'default/none' }, 1, signal)), 'REPLACED');

    const event = {
      type: 'Warning',
      reason: 'BrambleFenced',
      message: 'two signs: path, Lease'.padEnd(2000, '.'),
    } as const;
    await cluster.gate.note(node, event, signal);
    const events = await admin.call<{ items: readonly { reason: string; message: string; type: string }[] }>(
      'GET',
      `/api/v1/events?fieldSelector=involvedObject.kind%3DNode,involvedObject.name%3Dnoted,involvedObject.uid%3D${node.uid}`,
    );
    t.true(
      events.items.some(
        ({ reason, type, message }) =>
          `${type} ${reason}` === 'Warning BrambleFenced' && message.startsWith('two signs'),
      ),
    );
    await cluster.gate.note({ ...node, name: 'No name' }, event, signal);
  });
}
