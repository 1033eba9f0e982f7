import test from 'ava';
import { describeDevice } from '../../../../daemon/app/owner/views.ts';
import { aDevice, aDisk, states } from '../../../support/boards.ts';

const nothing = { rows: [], marks: [], installerLog: [], hostKeys: [] };

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

test('the last words of what failed on a board are told line by line, for as long as it has failed', (t) => {
  const failed = { ...states.failed, output: 'pulling\nno space left' };
  t.deepEqual(describeDevice(aDevice(failed), undefined, nothing).failedOutput, ['pulling', 'no space left']);
  t.deepEqual(describeDevice(aDevice(states.ready), undefined, nothing).failedOutput, []);
});
