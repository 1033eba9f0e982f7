import test from 'ava';
import { createFleet } from '../../../daemon/lifecycle/fleet.ts';
import { aDevice, states } from '../../support/boards.ts';

const { id } = aDevice();

test('who is undecided is known at each moment', (t) => {
  const fleet = createFleet([aDevice(states.seen)]);
  const undecided = () => [...fleet.undecided().keys()];
  t.deepEqual(undecided(), [id]);
  fleet.put(aDevice(states.pending));
  t.deepEqual(undecided(), [id]);
  fleet.put(aDevice(states.accepted));
  t.deepEqual(undecided(), []);
  fleet.put(aDevice(states.seen));
  fleet.remove(id);
  t.deepEqual(undecided(), []);
});

test('a board that is gone is found by nothing', (t) => {
  const board = aDevice(states.installing);
  const fleet = createFleet([board]);
  const found = () => [
    fleet.byId(id),
    fleet.byName(board.name),
    fleet.byAddress(board.address),
    ...board.macs.map(fleet.byMac),
    fleet.byArming('a1'),
  ];
  t.deepEqual(found(), Array(5).fill(board));
  fleet.remove(id);
  t.deepEqual(found(), Array(5).fill(undefined));
});
