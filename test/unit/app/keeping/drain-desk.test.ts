import test from 'ava';
import { must } from '../../../../config/result.ts';
import type { PodFacts } from '../../../../daemon/cluster/workloads/facts.ts';
import { buildRack, type Rack } from '../../../support/rack.ts';
import { podFacts } from '../../../support/world.ts';

const gentle = { by: 'anna', force: false, deleteData: false };
const owner = { kind: 'ReplicaSet', uid: 'rs', name: 'default/web' };

function withPods(...names: readonly string[]): {
  readonly rack: Rack;
  readonly put: (name: string, changes?: Partial<PodFacts>) => void;
} {
  const rack = buildRack({ boards: 2 });
  const put = (name: string, changes: Partial<PodFacts> = {}): void =>
    void rack.pods.set(
      `default/${name}`,
      podFacts({ name: `default/${name}`, node: 'worker-kube1', owner, ...changes }),
    );
  for (const name of names) put(name);
  return { rack, put };
}
const board = (daemon: ReturnType<Rack['startDaemon']>, name = 'worker-kube1') => {
  const found = daemon.runner.fleet.all().find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};
const isDrained = (rack: Rack): boolean => {
  const state = rack.stateOf('worker-kube1');
  return state?.name === 'draining' && state.work.step === 'drained';
};

test('cordoned first, each pod asked once, drained when none is left; uncordoned on the owner’s word', async (t) => {
  const { rack } = withPods('a', 'b', 'c');
  const daemon = rack.startDaemon();
  must(await daemon.drains.request(board(daemon), gentle));
  await rack.until('drained', () => isDrained(rack), 60);
  t.deepEqual(rack.done, ['cordon worker-kube1', 'evict default/a', 'evict default/b', 'evict default/c']);
  await rack.pass(30);
  t.true(rack.nodes.get('worker-kube1')?.unschedulable);
  must(await daemon.drains.uncordon(board(daemon), { by: 'anna', force: false }, daemon.signal));
  await rack.until('it works', rack.allReady, 30);
  t.deepEqual(rack.done.slice(-2), ['uncordon worker-kube1', 'balance worker-kube1']);
});

test('a budget is asked again every few seconds, and how many are left is told', async (t) => {
  const { rack } = withPods('a', 'db');
  rack.budget.add('default/db');
  const daemon = rack.startDaemon();
  must(await daemon.drains.request(board(daemon), gentle));
  await rack.pass(20);
  t.like(rack.stateOf('worker-kube1'), { work: { step: 'evicting', left: 1 } });
  const writes = daemon.commits();
  await rack.pass(120);
  t.is(daemon.commits(), writes, 'the same again is not written');
  rack.budget.clear();
  await rack.until('drained', () => isDrained(rack), 30);
  t.is(rack.done.filter((deed) => deed === 'evict default/db').length, 1);
});

test('what would be lost is refused before anything is done, and taken with the owner’s word', async (t) => {
  const { rack, put } = withPods('a');
  put('solo', { owner: undefined });
  const daemon = rack.startDaemon();
  const refused = await daemon.drains.request(board(daemon), gentle);
  t.regex(refused.ok ? '' : refused.error.detail, /^worker-kube1 is not drained so: default\/solo .*--force/);
  t.deepEqual([rack.done, rack.stateOf('worker-kube1')?.name], [[], 'ready']);
  must(await daemon.drains.request(board(daemon), { ...gentle, force: true }));
  await rack.until('drained', () => isDrained(rack), 60);
  t.true(rack.done.includes('evict default/solo'));
});

test('the cluster is away: nothing is done on what may not be so any more, and it goes on when it answers', async (t) => {
  const { rack } = withPods('a', 'b');
  const daemon = rack.startDaemon();
  rack.api(false);
  must(await daemon.drains.request(board(daemon), gentle));
  await rack.pass(60);
  t.deepEqual(rack.done, []);
  rack.api(true);
  await rack.until('drained', () => isDrained(rack), 120);
});

test('kubectl uncordon is the owner’s word, too', async (t) => {
  const { rack } = withPods();
  const daemon = rack.startDaemon();
  must(await daemon.drains.request(board(daemon), gentle));
  await rack.until('drained', () => isDrained(rack), 60);
  await rack.pass(10);
  rack.change('worker-kube1', { unschedulable: false, cordonedBy: undefined });
  await rack.until('it works', rack.allReady, 30);
  t.is(rack.done.filter((deed) => deed === 'cordon worker-kube1').length, 1);
});

test('uncordoned and cordoned again by somebody: that one is his, also while no daemon ran', async (t) => {
  for (const isAway of [false, true]) {
    const { rack } = withPods();
    const daemon = rack.startDaemon();
    must(await daemon.drains.request(board(daemon), gentle));
    await rack.until('drained', () => isDrained(rack), 60);
    if (isAway) {
      daemon.kill();
      await rack.pass(2);
    }
    rack.change('worker-kube1', { unschedulable: false });
    if (isAway) rack.startDaemon();
    await rack.until('it works', rack.allReady, 30);
    t.deepEqual(
      rack.done.filter((deed) => deed.endsWith('worker-kube1') && !deed.startsWith('balance')),
      ['cordon worker-kube1', 'disown worker-kube1'],
    );
    rack.change('worker-kube1', { unschedulable: true });
    await rack.pass(30);
    t.true(rack.nodes.get('worker-kube1')?.unschedulable);
  }
});

test('a board that leaves after it was drained gets no pods for its last minutes', async (t) => {
  const { rack } = withPods('a');
  const daemon = rack.startDaemon();
  must(await daemon.drains.request(board(daemon), gentle));
  await rack.until('drained', () => isDrained(rack), 60);
  must(await daemon.runner.dispatch(board(daemon).id, { event: 'leave-requested', by: 'anna' }));
  await rack.pass(30);
  t.is(rack.stateOf('worker-kube1')?.name, 'left');
  t.true(rack.nodes.get('worker-kube1')?.unschedulable);
});

test('what somebody else cordoned stays his, and whose it is is said', async (t) => {
  const { rack } = withPods('a');
  const daemon = rack.startDaemon();
  rack.change('worker-kube1', { unschedulable: true });
  const early = await daemon.drains.uncordon(board(daemon), { by: 'anna', force: false }, daemon.signal);
  t.regex(early.ok ? '' : early.error.detail, /Nodes of the cluster are not known yet/);
  await rack.pass(5);
  const refused = await daemon.drains.uncordon(board(daemon), { by: 'anna', force: false }, daemon.signal);
  t.regex(
    refused.ok ? '' : refused.error.detail,
    /cordoned by somebody else: kubectl uncordon worker-kube1, or bramble uncordon --force/,
  );
  must(await daemon.drains.request(board(daemon), gentle));
  await rack.until('drained', () => isDrained(rack), 60);
  must(await daemon.drains.uncordon(board(daemon), { by: 'anna', force: false }, daemon.signal));
  await rack.pass(30);
  t.true(rack.nodes.get('worker-kube1')?.unschedulable);
  t.false(rack.done.includes('uncordon worker-kube1'));
  const not = await daemon.drains.uncordon(board(daemon, 'worker-kube2'), { by: 'anna', force: true }, daemon.signal);
  t.regex(not.ok ? '' : not.error.detail, /is not cordoned/);
});

test('killed right after any commit of a drain: the next daemon drains it', async (t) => {
  for (let after = 1; after < 30; after += 1) {
    const { rack } = withPods('a', 'b', 'c', 'd');
    const first = rack.startDaemon(after);
    void first.drains.request(board(first), gentle).catch(() => undefined);
    await rack.until('killed, or through', () => first.isDead() || isDrained(rack), 60);
    const wasKilled = first.isDead();
    first.kill();
    const second = rack.startDaemon();
    await rack.until(`drained after ${after} commits`, () => isDrained(rack), 60);
    t.is([...rack.pods.values()].length, 0);
    second.kill();
    if (!wasKilled) return t.true(after > 3, 'it was killed that often');
  }
  t.fail('it writes more often than was thought');
});
