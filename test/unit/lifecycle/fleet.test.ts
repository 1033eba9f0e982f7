import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseDeviceId, parseIpv4 } from '../../../config/values.ts';
import { createFleet } from '../../../daemon/lifecycle/fleet.ts';
import { aDevice, aHeardDevice, states } from '../../support/boards.ts';

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

test('beside a router: found where it was heard last, and nowhere else', (t) => {
  const [first, second] = ['10.77.0.23', '10.77.0.24'].map((text) => must(parseIpv4(text)));
  const board = aHeardDevice(states.ready);
  const other = aHeardDevice(states.ready, { id: must(parseDeviceId('d-000000000002')), address: second });
  const fleet = createFleet([board, other]);
  const at = () => [first, second].map((address) => address && fleet.byAddress(address)?.id);
  t.deepEqual(at(), [undefined, other.id]);
  fleet.put({ ...board, address: first });
  t.deepEqual(at(), [id, other.id]);
  // The router gave it the other one's address: whoever leaves it later does not take it along.
  fleet.put({ ...board, address: second });
  fleet.put({ ...other, address: undefined });
  t.deepEqual(at(), [undefined, id]);
  fleet.remove(id);
  t.deepEqual(at(), [undefined, undefined]);
});

test('a board whose card was made is awaited under its name, until a packet of it was seen', (t) => {
  const card = { name: 'starting', card: true } as const;
  const board = aDevice(card, { macs: [] });
  const fleet = createFleet([board]);
  t.is(fleet.awaited(board.name.toUpperCase()), board);
  t.is(fleet.awaited(''), undefined);
  t.is(fleet.awaited('worker_kube1!'), undefined);
  for (const other of [aDevice(card), aDevice(states.seen, { macs: [] }), aDevice(states.starting, { macs: [] })]) {
    fleet.put(other);
    t.is(fleet.awaited(board.name), undefined, other.state.name);
  }
});
