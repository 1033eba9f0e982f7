import test from 'ava';
import { minutes, seconds } from '../../../../config/values.ts';
import {
  type Bridge,
  readBridges,
  spanningTreeAdvice,
  watchSpanningTree,
} from '../../../../daemon/app/network/spanning-tree.ts';
import type { ShellResult } from '../../../../daemon/ports.ts';
import { aDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const bridge: Bridge = { id: '8000.02a1b2c3d4e5', forwardDelay: seconds(15) };
const nobody = () => false;

test('what the listener writes', (t) => {
  t.deepEqual(readBridges('8000.02a1b2c3d4e5 2 15\n'), [bridge]);
  t.deepEqual(readBridges(''), []);
  t.deepEqual(readBridges('8000.02a1b2c3d4e5 2\nnonsense 0 15\n8000.02a1b2c3d4e5 2 15 x\n'), []);
});

test('nothing is said where no switch speaks and nobody is late', (t) => {
  t.deepEqual(spanningTreeAdvice([], [aDevice(states.ready)], nobody), []);
});

test('a switch is named before anybody suffers, and no longer once a board was installed', (t) => {
  t.deepEqual(spanningTreeAdvice([bridge], [aDevice(states.seen)], nobody), [
    'the switch speaks spanning tree and keeps a port closed for 30 s: set the boards’ ports to edge (portfast)',
  ]);
  t.deepEqual(spanningTreeAdvice([bridge], [aDevice(states.ready)], nobody), []);
  t.deepEqual(
    spanningTreeAdvice([{ ...bridge, forwardDelay: seconds(4) }], [], nobody),
    [],
    'four seconds harm nobody',
  );
});

test('a board that is late is named, with the reason where it was heard', (t) => {
  const board = aDevice(states.ready);
  t.deepEqual(
    spanningTreeAdvice([], [board], () => true),
    ['the first DISCOVERs of worker-kube1 arrive late: set its switch port to edge (portfast)'],
  );
  t.deepEqual(
    spanningTreeAdvice([bridge], [board], () => true),
    [
      'the first DISCOVERs of worker-kube1 arrive late: set its switch port to edge (portfast): its spanning tree keeps a port closed for 30 s',
    ],
  );
});

test('listens every ten minutes; a listener that cannot run is said once and is no end', async (t) => {
  const clock = createClockDouble();
  const log = createLogDouble();
  const ending = new AbortController();
  const told: (readonly Bridge[])[] = [];
  const commands: string[] = [];
  const not = { code: 69, stdout: '', stderr: 'stp-listener: socket: Operation not permitted\n' };
  const answers: (ShellResult | Error)[] = [not, not, new Error('ENOENT')];
  const watching = watchSpanningTree({
    interface: 'eth0',
    tell: (bridges) => told.push(bridges),
    shell: async (_, args) => {
      commands.push(args.join(' '));
      const next = answers.shift() ?? { code: 0, stdout: '8000.02a1b2c3d4e5 2 15\n', stderr: '' };
      if (next instanceof Error) throw next;
      return next;
    },
    clock,
    log,
    signal: ending.signal,
  });
  await clock.whenSleeping(1);
  await clock.advance(minutes(45));
  t.deepEqual(
    commands,
    Array.from({ length: 5 }, () => 'eth0 12'),
  );
  t.deepEqual(told, [[bridge], [bridge]]);
  t.is(log.records.filter(({ message }) => message === 'no listening for spanning tree').length, 2);
  t.is(log.records.filter(({ message }) => message === 'a switch speaks spanning tree').length, 1);
  ending.abort();
  await watching;
});
