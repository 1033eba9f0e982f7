import test from 'ava';
import { must } from '../../../../config/result.ts';
import { buildRack, type Rack } from '../../../support/rack.ts';
import { podFacts } from '../../../support/world.ts';

const all = { by: 'ups', all: true, boards: [], keepMaster: false, force: false, deleteData: false };
const named = (...boards: readonly string[]) => ({ ...all, by: 'anna', all: false, boards });
const isOff = (rack: Rack, name: string): boolean => rack.stateOf(name)?.name === 'stopped';

test('the whole cluster: cordoned, off in batches, the master last; keepers let go of it, also after a restart', async (t) => {
  const rack = buildRack({ boards: 5, driver: 'command', batch: 2 });
  const daemon = rack.startDaemon();
  t.false(daemon.isPaused());
  must(await daemon.power.shutdown(all));
  t.true(daemon.isPaused(), 'at once');
  let most = 0;
  await rack.until('the master is off', () => {
    most = Math.max(most, rack.names.filter((name) => stepOf(rack, name) === 'stopping').length);
    return !rack.masterIsOn();
  });
  t.is(most, 2);
  t.deepEqual(
    rack.done.slice(0, 5),
    rack.names.map((name) => `cordon ${name}`),
    'before the first one goes',
  );
  t.is(rack.done.at(-1), 'master-off');
  t.true(rack.names.every((name) => isOff(rack, name) && rack.board(name).power === 'off'));
  t.deepEqual(
    rack.done.filter((deed) => deed.startsWith('evict')),
    [],
    'there is nowhere to go',
  );
  for (const name of rack.names) {
    const [told, cut] = [rack.done.indexOf(`ssh-off ${name}`), rack.done.indexOf(`off ${name}`)];
    t.true(told !== -1 && cut > told, 'told first, and its power goes after that');
  }
  daemon.kill();
  await daemon.ended;
  t.true(rack.startDaemon().isPaused());
});

const stepOf = (rack: Rack, name: string): string => {
  const state = rack.stateOf(name);
  return state?.name === 'draining' ? state.work.step : (state?.name ?? 'gone');
};

test('power is back: the master starts, boards are switched on in batches, and everything works as before, untouched', async (t) => {
  const rack = buildRack({ boards: 5, driver: 'command', batch: 2 });
  const first = rack.startDaemon();
  must(await first.power.shutdown(all));
  await rack.until('the master is off', () => !rack.masterIsOn());
  first.kill();
  await first.ended;
  rack.powerCut();
  rack.api(false);
  const daemon = rack.startDaemon();
  t.true(daemon.isPaused());
  await rack.pass(30);
  t.false(rack.done.includes('on worker-kube1'), 'the cluster first');
  rack.api(true);
  await rack.until('all are back', rack.allReady);
  await rack.until('it is over', () => !rack.disk.settings.has('power.run'));
  t.false(daemon.isPaused());
  t.is(rack.done.filter((deed) => deed === 'balance all').length, 1);
  const ons = rack.done.flatMap((deed, place) => (deed.startsWith('on ') ? [place] : []));
  t.is(ons.length, 5, 'each once');
  t.regex(rack.disk.notices.at(-1) ?? '', /^5 of 5 boards are back$/);
});

test('without power that can be switched: it says which ones to switch on, and each works as soon as it is there', async (t) => {
  const rack = buildRack({ boards: 3 });
  const daemon = rack.startDaemon();
  must(await daemon.power.shutdown({ ...all, keepMaster: true }));
  await rack.until('all are off', () => rack.names.every((name) => isOff(rack, name)));
  await rack.until('that is known', () => daemon.power.view().run?.phase === 'down');
  t.true(rack.masterIsOn());
  t.regex(daemon.power.advice().join('\n'), /the cluster is shut down: bramble startup brings it back: 3 of 3/);
  must(await daemon.power.startup({ by: 'anna', boards: [] }));
  await rack.pass(3);
  t.deepEqual(daemon.power.view().run?.waits, ['switch on by hand: worker-kube1, worker-kube2, worker-kube3']);
  for (const name of rack.names) rack.switchOn(name);
  await rack.until('all are back', rack.allReady);
  await rack.until('it is over', () => daemon.power.view().run === null);
  t.is(daemon.power.view().last, '3 of 3 boards are back');
});

test('a board that was switched off and comes back by itself works again, without any command', async (t) => {
  const rack = buildRack({ boards: 2 });
  const daemon = rack.startDaemon();
  must(await daemon.power.shutdown(named('worker-kube1')));
  await rack.until('it is off', () => isOff(rack, 'worker-kube1'));
  t.true(rack.nodes.get('worker-kube1')?.ready, 'Kubernetes has not seen that yet, and that is no return');
  await rack.pass(5);
  t.true(isOff(rack, 'worker-kube1'));
  t.false(daemon.isPaused(), 'one board is no reason to let go of the others');
  await rack.pass(300);
  t.true(isOff(rack, 'worker-kube1'));
  rack.switchOn('worker-kube1');
  await rack.until('it works', rack.allReady);
  t.true(rack.done.includes('balance worker-kube1'));
});

test('one that comes back before Kubernetes took it for gone is known by its boot', async (t) => {
  const rack = buildRack({ boards: 1 });
  const daemon = rack.startDaemon();
  must(await daemon.power.shutdown(named('worker-kube1')));
  await rack.until('it is off', () => isOff(rack, 'worker-kube1'));
  rack.switchOn('worker-kube1');
  await rack.until('it works', rack.allReady, 45);
  t.true(rack.nodes.get('worker-kube1')?.ready);
});

test('one that only seemed to be off works again by itself after a while', async (t) => {
  const rack = buildRack({ boards: 1 });
  const daemon = rack.startDaemon();
  const one = rack.board('worker-kube1');
  one.deaf = true;
  const nap = rack.nodes.get('worker-kube1');
  must(await daemon.power.shutdown(named('worker-kube1')));
  // Its cable is out for a moment, and back before anybody else noticed.
  one.up = false;
  await rack.until('it is taken for off', () => isOff(rack, 'worker-kube1'), 40);
  one.up = true;
  await rack.pass(60);
  t.true(isOff(rack, 'worker-kube1'));
  t.is(rack.nodes.get('worker-kube1')?.bootId, nap?.bootId);
  await rack.until('it works', rack.allReady, 180);
});

test('named boards are drained first; a budget is waited for, and --force goes on without it after five minutes', async (t) => {
  const rack = buildRack({ boards: 2 });
  const owner = { kind: 'ReplicaSet', uid: 'rs', name: 'default/web' };
  rack.pods.set('default/web', podFacts({ name: 'default/web', node: 'worker-kube1', owner }));
  rack.pods.set('default/db', podFacts({ name: 'default/db', node: 'worker-kube1', owner }));
  rack.budget.add('default/db');
  const daemon = rack.startDaemon();
  must(await daemon.power.shutdown(named('worker-kube1')));
  await rack.pass(30);
  t.like(rack.stateOf('worker-kube1'), {
    work: { left: 1, waits: 'default/db: its disruption budget lets none go just now' },
  });
  t.deepEqual(daemon.power.view().run?.waits, []);
  await rack.until('it says that it is stuck', () => daemon.power.view().run?.waits.length === 1, 400);
  t.regex(daemon.power.view().run?.waits[0] ?? '', /bramble shutdown worker-kube1 --force/);
  t.is(stepOf(rack, 'worker-kube1'), 'evicting');
  must(await daemon.power.shutdown({ ...named('worker-kube1'), force: true }));
  await rack.until('it is off', () => isOff(rack, 'worker-kube1'));
  t.true(rack.done.indexOf('evict default/web') < rack.done.indexOf('ssh-off worker-kube1'));
});

test('one board that does not go off holds up neither the others nor the master', async (t) => {
  const rack = buildRack({ boards: 3, batch: 2 });
  rack.board('worker-kube1').deaf = true;
  const daemon = rack.startDaemon();
  must(await daemon.power.shutdown(all));
  await rack.until('the master is off', () => !rack.masterIsOn(), 900);
  t.is(stepOf(rack, 'worker-kube1'), 'stopping');
  t.true(isOff(rack, 'worker-kube2') && isOff(rack, 'worker-kube3'));
  t.regex(rack.disk.notices.join('\n'), /2 of 3 boards are off; still on: worker-kube1/);
});

test('called back in the middle: what is off is waited for, what is not goes on working, and nothing stays cordoned', async (t) => {
  const rack = buildRack({ boards: 4, batch: 1 });
  const daemon = rack.startDaemon();
  must(await daemon.power.shutdown(all));
  await rack.until('one is off', () => isOff(rack, 'worker-kube1'));
  must(await daemon.power.startup({ by: 'anna', boards: [] }));
  for (const name of rack.names) if (!rack.board(name).up) rack.switchOn(name);
  await rack.until('all work', () => {
    for (const name of rack.names) if (!rack.board(name).up && rack.board(name).turns === 0) rack.switchOn(name);
    return rack.allReady();
  });
  await rack.until('it is over', () => daemon.power.view().run === null, 1200);
  t.false(rack.done.includes('master-off'));
  t.false(daemon.isPaused());
});

test('what cannot be done is refused, and nothing is begun', async (t) => {
  const rack = buildRack({ boards: 2 });
  const daemon = rack.startDaemon();
  const detail = async (asked: Promise<{ ok: boolean; error?: unknown }>) => {
    const end = await asked;
    return end.ok ? 'begun' : String(Reflect.get(Object(end.error), 'detail'));
  };
  t.is(await detail(daemon.power.shutdown(named('nobody'))), 'no board nobody');
  t.regex(await detail(daemon.power.startup({ by: 'anna', boards: [] })), /nothing was switched off/);
  t.regex(
    await detail(daemon.power.startup({ by: 'anna', boards: ['worker-kube1'] })),
    /was not switched off by bramble/,
  );
  rack.pods.set('default/solo', podFacts({ name: 'default/solo', node: 'worker-kube1' }));
  t.regex(await detail(daemon.power.shutdown(named('worker-kube1'))), /default\/solo \(nobody makes it anew/);
  t.is(rack.disk.settings.size, 0);
  must(await daemon.power.shutdown(all));
  t.regex(await detail(daemon.power.shutdown(all)), /is being shut down already/);
  t.regex(await detail(daemon.power.shutdown(named('worker-kube1'))), /shut down/);
});

/** How often a whole shutdown, and a whole startup, write something. */
const COMMITS_MAX = 60;

test('killed right after any commit of a shutdown: the next daemon brings it to the same end', async (t) => {
  for (let after = 1; after < COMMITS_MAX; after += 1) {
    const rack = buildRack({ boards: 3, driver: 'command', batch: 2 });
    const first = rack.startDaemon(after);
    const asked = first.power.shutdown(all).catch(() => undefined);
    await rack.until('killed, or through', () => first.isDead() || !rack.masterIsOn());
    const wasKilled = first.isDead();
    first.kill();
    void asked;
    const second = rack.startDaemon();
    await rack.until(`the master is off after ${after} commits`, () => !rack.masterIsOn(), 900);
    await rack.pass(2);
    t.true(
      rack.names.every((name) => isOff(rack, name) && rack.board(name).power === 'off'),
      `${after}: ${rack.states()}`,
    );
    t.true(second.isPaused());
    for (const name of rack.names) {
      const [cordon, off] = [rack.done.indexOf(`cordon ${name}`), rack.done.indexOf(`ssh-off ${name}`)];
      t.true(cordon !== -1 && cordon < off, `${after}: ${name} is cordoned before it goes`);
    }
    second.kill();
    if (!wasKilled) return t.true(after > 9, 'it was killed that often');
  }
  t.fail('it writes more often than was thought');
});

test('power is cut right after any commit of a shutdown: everything comes back, and nothing stays locked', async (t) => {
  for (let after = 1; after < COMMITS_MAX; after += 1) {
    const rack = buildRack({ boards: 3, driver: 'command', batch: 2 });
    const first = rack.startDaemon(after);
    void first.power.shutdown(all).catch(() => undefined);
    await rack.until('killed, or through', () => first.isDead() || !rack.masterIsOn());
    const wasKilled = first.isDead();
    first.kill();
    rack.powerCut();
    const second = rack.startDaemon();
    await rack.until(`all work after ${after} commits`, rack.allReady, 1500);
    await rack.until('it is over', () => second.power.view().run === null, 1500);
    t.false(second.isPaused(), `${after}`);
    t.true(rack.allReady(), `${after}: ${rack.states()}`);
    second.kill();
    if (!wasKilled) return t.true(after > 9, 'it was killed that often');
  }
  t.fail('it writes more often than was thought');
});

test('killed right after any commit of a startup: the next daemon brings everything back', async (t) => {
  for (let after = 1; after < COMMITS_MAX; after += 1) {
    const rack = buildRack({ boards: 3, driver: 'command', batch: 2 });
    const off = rack.startDaemon();
    must(await off.power.shutdown({ ...all, keepMaster: true }));
    await rack.until('all are off', () => off.power.view().run?.phase === 'down');
    off.kill();
    const first = rack.startDaemon(after);
    void first.power.startup({ by: 'anna', boards: [] }).catch(() => undefined);
    await rack.until(
      'killed, or through',
      () => first.isDead() || (rack.allReady() && first.power.view().run === null),
      1500,
    );
    const wasKilled = first.isDead();
    first.kill();
    const second = rack.startDaemon();
    await rack.until(`all work after ${after} commits`, rack.allReady, 1500);
    await rack.until('it is over', () => second.power.view().run === null, 1500);
    t.false(second.isPaused(), `${after}`);
    second.kill();
    if (!wasKilled) return t.true(after > 9, 'it was killed that often');
  }
  t.fail('it writes more often than was thought');
});
