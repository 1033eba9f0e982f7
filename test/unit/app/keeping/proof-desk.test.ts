import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import { instant, minutes, seconds } from '../../../../config/values.ts';
import type { PodFacts, PodShape } from '../../../../daemon/cluster/workloads/facts.ts';
import { explain } from '../../../../daemon/lifecycle/explain.ts';
import { createRackDouble, type RackDouble, type RackOptions } from './rack-double.ts';

const shape: PodShape = {
  requests: { cpu: 0, memory: 0 },
  ...{ hostPorts: [], nodeSelector: {}, nodeAffinity: [], podAffinity: [], podAntiAffinity: [], spread: [] },
  ...{ tolerations: [], claims: [], images: [] },
  ...{ localStorage: false, systemCritical: false, priority: 0, hostNetwork: false },
};
const aPod = (name: string, kind: string): PodFacts => ({
  ...{ name: `default/${name}`, uid: `uid-${name}`, node: 'worker-kube2', owner: { kind, uid: `of-${name}`, name } },
  ...{ phase: 'Running', ready: true, readySince: undefined, terminating: false, created: instant(0), labels: {} },
  ...{ shape, wish: undefined, deletionCost: 0, mirror: false },
});

/** worker-kube2 carries a database, and something that may run twice. */
async function withDatabase(t: ExecutionContext, options: Partial<RackOptions> = {}) {
  const rack = createRackDouble({ boards: 5, ...options });
  for (const pod of [aPod('db-0', 'StatefulSet'), aPod('web', 'ReplicaSet')]) rack.pods.set(pod.name, pod);
  const daemon = rack.start();
  t.teardown(daemon.kill);
  await rack.run(seconds(75));
  /** Time goes by while other boards are asked. */
  const confirm = async (name: string) => {
    const asked = daemon.owner.confirmOff(name, 'anna');
    await rack.run(seconds(2));
    return await asked;
  };
  return { ...rack, ...daemon, confirm };
}
const whyOf = ({ devices }: Pick<RackDouble, 'devices'>): string => {
  const device = devices.get('worker-kube2');
  return device === undefined ? '' : explain(device);
};
const outOfService = 'node.kubernetes.io/out-of-service';

test('a database waits for proof, and moves once the owner gave it', async (t) => {
  const rack = await withDatabase(t);
  const { run, cables, pods, notes, owner, deeds, settings, stateOf, confirm } = rack;
  cables.delete('worker-kube2');
  await run(minutes(5));
  t.true(pods.has('default/db-0'));
  t.is(whyOf(rack), 'waiting for proof: power off worker-kube2 and run `bramble confirm-off worker-kube2`');
  t.true(
    notes.includes(
      'worker-kube2 BrambleWaitsForProof: waiting for proof: power off worker-kube2 and run `bramble confirm-off worker-kube2`; default/db-0 must never run twice',
    ),
  );
  t.like(owner.failover().boards[1], { verdict: 'waiting-for-proof', pods: ['default/db-0'] });
  const before = deeds.length;
  const confirmed = await confirm('worker-kube2');
  t.deepEqual(confirmed, { ok: true, value: { name: 'worker-kube2', pods: ['default/db-0'] } });
  await run(seconds(10));
  t.false(pods.has('default/db-0'));
  t.deepEqual(deeds.slice(before), [
    `taint worker-kube2 ${outOfService}`,
    'delete default/db-0',
    `untaint worker-kube2 ${outOfService}`,
  ]);
  t.is(stateOf('worker-kube2'), 'unreachable');
  t.regex(whyOf(rack), /it is off, by the proof of anna/);
  t.deepEqual([...settings.keys()], [], 'nothing is left of it');
  cables.add('worker-kube2');
  await run(minutes(1));
  t.is(stateOf('worker-kube2'), 'ready');
});

test('right after the fence the Node is still Ready for Kubernetes: that is set right before its pods are let go of', async (t) => {
  const { run, cables, confirm, deeds } = await withDatabase(t);
  cables.delete('worker-kube2');
  await run(seconds(20));
  t.true((await confirm('worker-kube2')).ok);
  await run(seconds(8));
  t.deepEqual(deeds.slice(1), [
    'unknown worker-kube2',
    `taint worker-kube2 ${outOfService}`,
    'delete default/db-0',
    `untaint worker-kube2 ${outOfService}`,
  ]);
});

test('an old Kubernetes does not know that taint: the pods are deleted all the same', async (t) => {
  const { run, cables, confirm, deeds, world } = await withDatabase(t);
  world.version = 'v1.25.16';
  cables.delete('worker-kube2');
  await run(minutes(2));
  t.true((await confirm('worker-kube2')).ok);
  await run(seconds(4));
  t.deepEqual(deeds.slice(1), ['delete default/db-0']);
});

test('the owner’s word is not taken while the board answers, or where nothing waits for it', async (t) => {
  const { run, cables, confirm, deeds, pods, power } = await withDatabase(t);
  const refused = async (name: string): Promise<string> => {
    const end = await confirm(name);
    return end.ok ? 'done' : `${end.error.code}: ${end.error.detail}`;
  };
  t.regex(await refused('worker-kube9'), /^NOT_FOUND/);
  t.regex(await refused('worker-kube2'), /^CONFLICT: nothing of worker-kube2 waits for proof/);
  cables.delete('worker-kube2');
  await run(minutes(1));
  const before = deeds.length;
  cables.add('worker-kube2');
  await run(seconds(1));
  t.regex(await refused('worker-kube2'), /^CONFLICT: worker-kube2: it answers: power it off first/);
  cables.delete('worker-kube2');
  pods.set('default/db-0', aPod('db-0', 'StatefulSet'));
  power.set('worker-kube2', 'off');
  await run(seconds(20));
  t.deepEqual(deeds.slice(before), []);
  t.is(await refused('worker-kube2'), 'done');
});

test('a proof ends with the first sign of life', async (t) => {
  const { run, cables, confirm, deeds, pods, world, log } = await withDatabase(t);
  cables.delete('worker-kube2');
  await run(minutes(1));
  world.isApiUp = false;
  t.true((await confirm('worker-kube2')).ok);
  await run(seconds(6));
  cables.add('worker-kube2');
  await run(seconds(2));
  const before = deeds.length;
  world.isApiUp = true;
  await run(seconds(30));
  t.truthy(log.find('the proof that a board is off does not count any more'));
  t.deepEqual(deeds.slice(before), ['untaint worker-kube2 bramble.dev/unreachable']);
  t.false(pods.has('default/db-0'), 'its kubelet ended it itself');
});

test('with the owner’s command the power is taken, the pods move, and it is switched on again', async (t) => {
  const { run, cables, deeds, pods, power, stateOf, settings } = await withDatabase(t, { withPower: true });
  cables.delete('worker-kube2');
  await run(seconds(30));
  t.deepEqual(deeds, [
    'taint worker-kube2 bramble.dev/unreachable',
    'power off worker-kube2',
    'unknown worker-kube2',
    `taint worker-kube2 ${outOfService}`,
    'delete default/db-0',
    `untaint worker-kube2 ${outOfService}`,
    'power on worker-kube2',
  ]);
  t.false(pods.has('default/db-0'));
  t.is(power.get('worker-kube2'), 'on');
  t.deepEqual([...settings.keys()], []);
  cables.add('worker-kube2');
  await run(minutes(1));
  t.is(stateOf('worker-kube2'), 'ready');
});

test('a board without such pods is never switched off', async (t) => {
  const { run, cables, deeds, pods } = await withDatabase(t, { withPower: true });
  pods.delete('default/db-0');
  cables.delete('worker-kube2');
  await run(minutes(2));
  t.deepEqual(deeds, ['taint worker-kube2 bramble.dev/unreachable']);
});

test('a command that switches nothing proves nothing', async (t) => {
  const rack = await withDatabase(t, { withPower: true });
  const { run, cables, deeds, pods, world } = rack;
  world.powerWorks = false;
  cables.delete('worker-kube2');
  await run(minutes(1));
  t.true(pods.has('default/db-0'));
  t.is(deeds.filter((deed) => deed === 'power off worker-kube2').length, 1, 'it is not asked again at once');
  t.is(deeds.filter((deed) => deed.startsWith('delete')).length, 0);
  t.regex(whyOf(rack), /waiting for proof/);
});

for (const moment of ['power off', 'unknown', 'taint', 'delete', 'untaint']) {
  test(`the daemon dies after: ${moment}`, async (t) => {
    const { run, cables, deeds, pods, power, settings, kill, start, clock } = await withDatabase(t, {
      withPower: true,
    });
    cables.delete('worker-kube2');
    const from = deeds.length;
    for (let second = 0; second < 60; second += 1) {
      await run(seconds(1));
      if (deeds.slice(from + 1).some((deed) => deed.startsWith(moment))) break;
    }
    await kill();
    const again = start();
    t.teardown(again.kill);
    await run(minutes(3));
    t.false(pods.has('default/db-0'));
    t.is(power.get('worker-kube2'), 'on', 'it is on again');
    t.deepEqual([...settings.keys()], []);
    t.truthy(clock.now());
  });
}

test('two boards whose power is taken at the same time are both switched on again', async (t) => {
  const rack = await withDatabase(t, { withPower: true, boards: 10 });
  const { run, cables, deeds, pods, nodes, power, settings } = rack;
  pods.set('default/db-1', { ...aPod('db-1', 'StatefulSet'), node: 'worker-kube3' });
  const both = ['worker-kube2', 'worker-kube3'];
  for (const name of both) cables.delete(name);
  for (let second = 0; second < 60 && deeds.filter((deed) => deed.startsWith('power off')).length < 2; second += 1)
    await run(seconds(1));
  for (const name of both) nodes.delete(name);
  await run(minutes(1));
  t.deepEqual(
    deeds.filter((deed) => deed.startsWith('power')).toSorted(),
    ['off', 'on'].flatMap((to) => both.map((name) => `power ${to} ${name}`)),
  );
  t.deepEqual([power.get('worker-kube2'), power.get('worker-kube3')], ['on', 'on']);
  t.deepEqual([...settings.keys()], []);
});

test('a board that is heard while its pods are let go of keeps the rest of them', async (t) => {
  const { run, cables, pods, deeds, confirm, world } = await withDatabase(t);
  pods.set('default/db-1', aPod('db-1', 'StatefulSet'));
  cables.delete('worker-kube2');
  await run(minutes(1));
  world.deleteTakes = 3;
  must(await confirm('worker-kube2'));
  for (let second = 0; second < 30 && !deeds.includes('delete default/db-0'); second += 1) {
    if (deeds.some((deed) => deed.endsWith(outOfService))) cables.add('worker-kube2');
    await run(seconds(1));
  }
  await run(minutes(1));
  t.deepEqual(
    deeds.filter((deed) => deed.startsWith('delete')),
    ['delete default/db-0'],
  );
});

test('a Node that is deleted meanwhile leaves no board switched off', async (t) => {
  const { run, cables, deeds, nodes, power, settings, world } = await withDatabase(t, { withPower: true });
  cables.delete('worker-kube2');
  for (let second = 0; second < 30 && !deeds.includes('power off worker-kube2'); second += 1) await run(seconds(1));
  world.isApiUp = false;
  nodes.delete('worker-kube2');
  world.isApiUp = true;
  await run(seconds(10));
  t.is(power.get('worker-kube2'), 'on');
  t.deepEqual([...settings.keys()], []);
});
