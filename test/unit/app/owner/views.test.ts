import test from 'ava';
import { describeDevice } from '../../../../daemon/app/owner/views.ts';
import { aDevice, aDisk, states } from '../../../support/boards.ts';

const nothing = {
  ...{ rows: [], boots: [], diagnosis: undefined, health: undefined },
  ...{ installerLog: [], hostKeys: [], isAdoptable: false },
};

test('a board is described with what its installer told, as long as that is known', (t) => {
  for (const name of ['reported', 'pending', 'accepted', 'installing', 'failed'] as const) {
    const told = describeDevice(aDevice(states[name]), undefined, nothing);
    t.deepEqual(
      { disk: told.disk, memoryBytes: told.memoryBytes },
      { disk: aDisk(), memoryBytes: 4_000_000_000 },
      name,
    );
  }
  t.like(describeDevice(aDevice(states.ready), undefined, nothing), { disk: null, memoryBytes: null });
  const disk = aDisk({ content: 'ours' });
  t.like(describeDevice(aDevice(states.ready, { disk }), undefined, nothing), { disk, memoryBytes: null });
});

test('a board that runs a system flashed by hand is described with the command that takes it in', (t) => {
  const seen = aDevice(states.seen);
  t.like(describeDevice(seen, undefined, nothing), { why: 'asked for an address', deed: null, adoptable: false });
  const told = describeDevice(seen, undefined, { ...nothing, isAdoptable: true });
  t.regex(told.why, /flashed by hand; bramble accept worker-kube1 takes it in by its first login/);
  t.regex(told.deed ?? '', /^bramble accept worker-kube1 /);
  t.true(told.adoptable);
});

test('the last words of what failed on a board are told line by line, for as long as it has failed', (t) => {
  const failed = { ...states.failed, output: 'pulling\nno space left' };
  t.deepEqual(describeDevice(aDevice(failed), undefined, nothing).failedOutput, ['pulling', 'no space left']);
  t.deepEqual(describeDevice(aDevice(states.ready), undefined, nothing).failedOutput, []);
});
