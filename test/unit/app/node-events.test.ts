import test from 'ava';
import { followNodes, NODES_TURN } from '../../../daemon/app/node-events.ts';
import { createFleet } from '../../../daemon/lifecycle/fleet.ts';
import { aDevice, states } from '../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../support/doubles.ts';

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
      sight: () => Promise.reject(new Error('not asked')),
      dispatch: () => {
        asked += 1;
        return Promise.reject(new Error('STORE_FULL'));
      },
      run: async () => undefined,
    },
    { clock, log, signal: abort.signal, onTurn: () => turns++ },
  );
  await clock.advance(NODES_TURN);
  await clock.advance(NODES_TURN);
  t.is(asked, 3);
  t.is(turns, 3);
  t.truthy(log.find('what its Node is was not written'));
  abort.abort();
  await t.notThrowsAsync(following);
});
