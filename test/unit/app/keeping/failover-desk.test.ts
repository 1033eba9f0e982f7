import test, { type ExecutionContext } from 'ava';
import { minutes, seconds } from '../../../../config/values.ts';
import { explain } from '../../../../daemon/lifecycle/explain.ts';
import { createRackDouble, type RackOptions } from './rack-double.ts';

/** The daemon has been looking for long enough. */
async function aRack(t: ExecutionContext, options: RackOptions) {
  const rack = createRackDouble(options);
  const daemon = rack.start();
  t.teardown(daemon.kill);
  await rack.run(seconds(75));
  t.deepEqual(rack.fenced(), []);
  return { ...rack, ...daemon };
}

test('a board whose cable is pulled is fenced within seconds, and let in once it is steady', async (t) => {
  const { run, cables, fenced, stateOf, notes, back, devices, events } = await aRack(t, { boards: 5 });
  cables.delete('worker-kube2');
  await run(seconds(4));
  t.deepEqual(fenced(), [], 'four seconds have to be full');
  await run(seconds(4));
  t.deepEqual(fenced(), ['worker-kube2']);
  t.is(stateOf('worker-kube2'), 'unreachable');
  const board = devices.get('worker-kube2');
  t.regex(board ? explain(board) : '', /^held gone: the master hears nothing of it, no other board reaches it/);
  t.regex(
    notes.join(),
    /worker-kube2 BrambleFenced: held gone: the master hears nothing of it \(for \d s\), no other board/,
  );
  await run(minutes(3));
  cables.add('worker-kube2');
  await run(seconds(12));
  t.deepEqual(fenced(), ['worker-kube2'], 'it is not steady yet');
  t.deepEqual(back, []);
  await run(seconds(20));
  t.deepEqual(fenced(), []);
  t.deepEqual(back, ['worker-kube2']);
  t.regex(notes.at(-1) ?? '', /worker-kube2 BrambleUnfenced: it has been well for 15 s/);
  await run(seconds(2));
  t.is(stateOf('worker-kube2'), 'ready');
  t.deepEqual(events, ['worker-kube2 node-gone: unreachable', 'worker-kube2 node-ready: ready']);
});

test('two of several boards at once are one cable: nothing is done, it is said, and a while later one that stays away is fenced', async (t) => {
  const { run, cables, fenced, desk, notices, notes } = await aRack(t, { boards: 5 });
  cables.delete('worker-kube2');
  cables.delete('worker-kube3');
  await run(minutes(2));
  t.deepEqual(fenced(), []);
  t.deepEqual(desk.advice(), [
    'nothing is fenced: 2 boards are silent at once: switch or master cable? Nothing is fenced',
  ]);
  t.is(notices.length, 1, notices.join());
  t.regex(notices[0] ?? '', /^failover-held: worker-kube2, worker-kube3: 2 boards are silent at once/);
  t.true(notes.every((note) => note.includes('BrambleNotFenced')));
  cables.add('worker-kube3');
  await run(seconds(40));
  t.deepEqual(fenced(), [], 'it may be the switch that starts again');
  await run(seconds(40));
  t.deepEqual(fenced(), ['worker-kube2']);
});

test('ten boards: two at once may be fenced, a third is said', async (t) => {
  const { run, cables, fenced, desk } = await aRack(t, { boards: 10 });
  for (const name of ['worker-kube2', 'worker-kube3']) cables.delete(name);
  await run(seconds(9));
  t.deepEqual(fenced(), ['worker-kube2', 'worker-kube3']);
  cables.delete('worker-kube4');
  await run(minutes(1));
  t.deepEqual(fenced(), ['worker-kube2', 'worker-kube3']);
  t.regex(desk.advice().join(), /2 of 10 workers are fenced, and 2 may be/);
});

for (const [why, set] of [
  ['the master’s own link is down', (rack) => (rack.world.link = 'down')],
  ['the API server is not heard', (rack) => (rack.world.isApiUp = false)],
  ['what is there was not read', (rack) => (rack.world.isSynced = false)],
] as const satisfies readonly (readonly [string, (rack: ReturnType<typeof createRackDouble>) => void])[]) {
  test(`nothing is fenced while ${why}`, async (t) => {
    const rack = await aRack(t, { boards: 5 });
    set(rack);
    await rack.run(seconds(21));
    rack.cables.delete('worker-kube2');
    await rack.run(minutes(1));
    t.deepEqual(rack.fenced(), []);
    t.deepEqual(rack.deeds, []);
  });
}

test('a daemon that has just started looks for a minute first', async (t) => {
  const rack = createRackDouble({ boards: 5 });
  const { kill, owner } = rack.start();
  t.teardown(kill);
  await rack.run(seconds(20));
  rack.cables.delete('worker-kube2');
  await rack.run(seconds(38));
  t.deepEqual(rack.fenced(), []);
  t.regex(owner.failover().held ?? '', /just started/);
  await rack.run(seconds(5));
  t.deepEqual(rack.fenced(), ['worker-kube2']);
});

test('a board that never answered, or whose Node was never Ready, is left to Kubernetes', async (t) => {
  const rack = createRackDouble({ boards: 5 });
  rack.cables.delete('worker-kube2');
  const { kill } = rack.start();
  t.teardown(kill);
  await rack.run(minutes(3));
  t.deepEqual(rack.fenced(), []);
});

test('planned work is no death, and is not counted', async (t) => {
  const { run, power, fenced, devices } = await aRack(t, { boards: 5 });
  const board = devices.get('worker-kube2');
  if (board === undefined) return t.fail();
  devices.set('worker-kube2', { ...board, state: { name: 'left', by: 'anna', done: false } });
  power.set('worker-kube2', 'off');
  await run(minutes(1));
  t.deepEqual(fenced(), []);
  power.set('worker-kube3', 'off');
  await run(seconds(10));
  t.deepEqual(fenced(), ['worker-kube3'], 'the other one is no suspect');
});

test('the owner pauses it, over a restart of the daemon too; boards that are back are let in all the same', async (t) => {
  const { run, cables, fenced, owner, kill, start, desk } = await aRack(t, { boards: 10 });
  cables.delete('worker-kube2');
  await run(seconds(9));
  await owner.askFailover({ action: 'pause', by: 'anna', seconds: 600 });
  t.like(owner.failover(), { paused: { by: 'anna', secondsLeft: 600 } });
  t.regex(desk.advice().join(), /failover is paused by anna for 10 min more: bramble failover resume ends that/);
  cables.delete('worker-kube3');
  await run(seconds(30));
  t.deepEqual(fenced(), ['worker-kube2']);
  cables.add('worker-kube2');
  cables.add('worker-kube3');
  await run(seconds(40));
  t.deepEqual(fenced(), []);
  await kill();
  const again = start();
  t.teardown(again.kill);
  await run(minutes(2));
  cables.delete('worker-kube3');
  await run(seconds(20));
  t.deepEqual(fenced(), []);
  await again.owner.askFailover({ action: 'resume', by: 'anna' });
  t.is(again.owner.failover().paused, null);
  await run(seconds(3));
  t.deepEqual(fenced(), ['worker-kube3']);
});

test('a daemon that is restarted while a board is fenced knows it by its taint', async (t) => {
  const { run, cables, fenced, kill, start, back } = await aRack(t, { boards: 5 });
  cables.delete('worker-kube2');
  await run(seconds(9));
  await kill();
  const again = start();
  t.teardown(again.kill);
  await run(minutes(3));
  t.deepEqual(fenced(), ['worker-kube2']);
  cables.delete('worker-kube3');
  await run(minutes(1));
  t.deepEqual(fenced(), ['worker-kube2'], 'it counts');
  cables.add('worker-kube3');
  await again.kill();
  cables.add('worker-kube2');
  const last = start();
  t.teardown(last.kill);
  await run(minutes(1));
  t.deepEqual(fenced(), []);
  t.deepEqual(back, ['worker-kube2']);
});

test('a board that flaps is kept out for longer each time', async (t) => {
  const { run, cables, fenced } = await aRack(t, { boards: 5 });
  const outs: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    cables.delete('worker-kube2');
    await run(seconds(30));
    t.deepEqual(fenced(), ['worker-kube2']);
    cables.add('worker-kube2');
    let out = 0;
    await run(minutes(2), () => (out += fenced().length));
    outs.push(out);
    t.deepEqual(fenced(), []);
  }
  const [first = 0, second = 0, third = 0] = outs;
  t.true(first < second && second < third, outs.join());
});

test('a board that comes back while its fence is on its way is left alone', async (t) => {
  const { run, cables, fenced, world, deeds, events } = await aRack(t, { boards: 5 });
  world.readTakes = 5;
  cables.delete('worker-kube2');
  await run(seconds(7));
  cables.add('worker-kube2');
  await run(seconds(20));
  t.deepEqual(fenced(), []);
  t.deepEqual([...deeds, ...events], []);
});

test('a full disk does not keep pods from being replaced', async (t) => {
  const { run, cables, fenced, world, log } = await aRack(t, { boards: 5 });
  world.isDiskFull = true;
  cables.delete('worker-kube2');
  await run(seconds(9));
  t.deepEqual(fenced(), ['worker-kube2']);
  t.truthy(log.find('that a board is gone was not written'));
});

test('with one worker its path and its Lease are enough, where its pods could go somewhere', async (t) => {
  const { run, cables, fenced, nodes, desk } = await aRack(t, { boards: 1 });
  cables.delete('worker-kube1');
  await run(seconds(30));
  t.deepEqual(fenced(), [], 'its pods would only be stopped');
  t.deepEqual(desk.advice(), ['nothing is fenced: no other Node could take its pods']);
  const [worker] = nodes.values();
  if (worker === undefined) return t.fail();
  nodes.set('master', { ...worker, name: 'master', uid: 'uid-master', controlPlane: true });
  await run(seconds(3));
  t.deepEqual(fenced(), ['worker-kube1']);
});

test('what is seen of each board, for the owner', async (t) => {
  const { run, cables, owner } = await aRack(t, { boards: 2 });
  cables.delete('worker-kube2');
  await run(seconds(3));
  const view = owner.failover();
  t.like(view, { mode: 'on', after: 4, paused: null, held: null, limit: 1, fenced: 0 });
  t.like(view.boards, [
    { name: 'worker-kube1', verdict: 'well', path: 'alive', signs: '', pods: [] },
    { name: 'worker-kube2', verdict: 'suspect', path: 'silent' },
  ]);
  await run(seconds(6));
  t.like(owner.failover().boards[1], { verdict: 'fenced' });
});

test('off by bramble.yaml: nothing is fenced, and nothing is said', async (t) => {
  const { run, cables, fenced, desk, owner } = await aRack(t, { boards: 5, config: { mode: 'off', after: 4 } });
  cables.delete('worker-kube2');
  await run(minutes(1));
  t.deepEqual(fenced(), []);
  t.deepEqual(desk.advice(), []);
  t.is(owner.failover().held, 'failover.mode is off');
});
