import test from 'ava';
import { must, ok } from '../../../../config/result.ts';
import { type Millis, millis, minutes, parseSerial } from '../../../../config/values.ts';
import { createRivals } from '../../../../daemon/app/boards/rivals.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { aDevice, MAC, SERIAL, START, states } from '../../../support/boards.ts';
import { createLogDouble } from '../../../support/doubles.ts';

const serial = (number: number) => must(parseSerial(number.toString(16).padStart(16, '0')));
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function desk() {
  let elapsed: Millis = millis(0);
  const events: LifecycleEvent[] = [];
  const disk: { isFull: boolean } = { isFull: false };
  const log = createLogDouble();
  const rivals = createRivals({
    dispatch: async (_, event) => {
      if (disk.isFull) throw new Error('STORE_FULL');
      events.push(event);
      return ok(transition(aDevice(states.ready), event, START));
    },
    rests: { elapsed: () => elapsed },
    log,
  });
  const pass = (time: Millis): void => {
    elapsed = millis(elapsed + time);
  };
  return { rivals, events, disk, log, pass };
}

test('a flood of liars costs one event an hour, and the status tells of the last one', async (t) => {
  const { rivals, events, pass, log } = desk();
  const board = aDevice(states.ready);
  for (let number = 1; number <= 10_000; number++) t.true(rivals.notice(board, { mac: MAC, serial: serial(number) }));
  await settled();
  t.is(events.length, 1);
  t.is(log.records.filter(({ level }) => level === 'error').length, 1);
  t.deepEqual([...rivals.now().keys()], [board.id]);
  t.regex(rivals.now().get(board.id) ?? '', /0000000000002710 has its hardware address dc:a6:32:01:02:03/);
  pass(minutes(10));
  t.is(rivals.now().size, 0, 'it is gone');
  pass(minutes(50));
  rivals.notice(board, { mac: MAC, serial: serial(1) });
  t.is(events.length, 2);
  rivals.forget(board.id);
  t.is(rivals.now().size, 0);
});

test('the board itself, and whoever tells no serial number, is no rival', (t) => {
  const { rivals, events } = desk();
  const board = aDevice(states.ready);
  t.false(rivals.notice(board, { mac: MAC, serial: SERIAL }));
  t.false(rivals.notice(board, { mac: MAC, serial: must(parseSerial('abcdef01')) }));
  t.false(rivals.notice(board, { mac: MAC }));
  t.false(rivals.notice(aDevice(states.pending), { mac: MAC, serial: serial(1) }), 'that one is held by its report');
  t.deepEqual(events, []);
});

test('what could not be written is told at the next claim', async (t) => {
  const { rivals, events, disk, log } = desk();
  disk.isFull = true;
  rivals.seen(aDevice(states.ready), 'a thief');
  await settled();
  t.truthy(log.find('a rival was not written'));
  disk.isFull = false;
  rivals.seen(aDevice(states.ready), 'a thief');
  await settled();
  t.deepEqual(events, [{ event: 'rival-seen', by: 'a thief' }]);
});
