import test from 'ava';
import { ok, problem } from '../../../../config/result.ts';
import { millis } from '../../../../config/values.ts';
import { createFences, type FenceDeps } from '../../../../daemon/app/keeping/fences.ts';
import type { Looked } from '../../../../daemon/app/keeping/lookout.ts';
import { nothingKnown } from '../../../../daemon/cluster/failover/suspicion.ts';
import type { DeviceState } from '../../../../daemon/lifecycle/device.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { aDevice } from '../../../support/boards.ts';
import { createLogDouble } from '../../../support/doubles.ts';
import { nodeFacts } from '../../../support/nodes.ts';

const { signal } = new AbortController();

/** It was `ready` when it was looked at, and is in this state by the time that is written. */
async function fenceOf(state: DeviceState) {
  const device = aDevice({ name: 'ready', quarantined: false });
  const node = nodeFacts({ name: device.name });
  const deeds: string[] = [];
  const dispatch: FenceDeps['dispatch'] = async (_, event) => ok(transition({ ...device, state }, event, device.since));
  const fences = createFences({
    ...{ dispatch, log: createLogDouble() },
    cluster: { readNode: async () => ok(node) },
    gate: {
      putTaint: async () => {
        deeds.push('taint');
        return ok(undefined);
      },
      removeTaint: async () => problem('CHANGED', 'not here'),
      note: async () => undefined,
    },
  });
  const looked: Looked = {
    ...{ node, device, isWatched: true, isFenced: false, suspicion: nothingKnown, verdict: 'gone', at: millis(0) },
    sight: {
      ...{ path: 'silent', peer: 'silent', peerSince: undefined, lease: undefined, power: 'unknown', ready: true },
    },
  };
  return { end: await fences.put(looked, millis(0), () => true, signal), deeds };
}

test('a board that is drained or switched off since it was looked at is not fenced', async (t) => {
  t.deepEqual(await fenceOf({ name: 'ready', quarantined: false }), { end: 'fenced', deeds: ['taint'] });
  const planned = { by: 'anna', keep: false };
  for (const state of [
    { name: 'draining', ...planned, work: { step: 'evicting', force: false, deleteData: false } },
    { name: 'draining', ...planned, work: { step: 'stopping' } },
    { name: 'stopped', ...planned, away: false },
    { name: 'left', by: 'anna', done: false },
  ] as const satisfies readonly DeviceState[])
    t.deepEqual(await fenceOf(state), { end: 'needless', deeds: [] }, state.name);
});
