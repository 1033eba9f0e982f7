import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../../config/result.ts';
import { parseDeviceId } from '../../../../config/values.ts';
import {
  isWhole,
  readRun,
  resumedRun,
  runText,
  type StartRun,
  type StopRun,
} from '../../../../daemon/cluster/power/run.ts';

const boards = [must(parseDeviceId('d-0123456789ab')), must(parseDeviceId('d-0123456789ac'))];
const stop: StopRun = {
  ...{ kind: 'stop', by: 'ups', all: true, keepMaster: false, force: false, deleteData: true, boards },
  ...{ phase: 'boards', boot: 'b-1' },
};
const start: StartRun = { kind: 'start', by: 'anna', all: true, boards, phase: 'cluster' };

test('what is on disk is what was written', (t) => {
  for (const run of [stop, start, { ...stop, phase: 'down', all: false } as const])
    t.deepEqual(readRun(runText(run)), run);
});

test('whatever stands there instead is no run, and never throws', (t) => {
  const wrong = ['', 'null', '{', '[]', '7', '{"kind":"stop"}', runText(stop).replace('"boards"', '"other"')];
  for (const text of [undefined, ...wrong]) t.is(readRun(text), undefined, text);
  fc.assert(fc.property(fc.json(), (text) => readRun(text) === undefined || text.includes('kind')));
  t.deepEqual(readRun(runText({ ...stop, boards: ['nonsense' as never] }))?.boards, []);
});

test('a daemon that is killed goes on; a machine that lost its power brings everything back', (t) => {
  for (const phase of ['cordon', 'boards', 'master', 'down'] as const) {
    const run = { ...stop, phase };
    t.is(resumedRun(run, 'b-1'), run);
    t.deepEqual(resumedRun(run, 'b-2'), { kind: 'start', by: 'ups', all: true, boards, phase: 'cluster' });
  }
  const kept = { ...stop, phase: 'down', keepMaster: true } as const;
  t.is(resumedRun(kept, 'b-2'), kept, 'the boards are off on purpose, whatever the master does');
  t.is(resumedRun({ ...kept, phase: 'boards' }, 'b-2')?.kind, 'start');
  const named = { ...stop, all: false };
  t.is(resumedRun(named, 'b-2'), named, 'these boards are to be off');
  t.is(resumedRun(start, 'b-2'), start);
  t.is(resumedRun(undefined, 'b-2'), undefined);
  t.deepEqual([isWhole(stop), isWhole(named), isWhole(start), isWhole(undefined)], [true, false, true, false]);
});
