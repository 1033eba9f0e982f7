import test from 'ava';
import { tellConflictOver, tellNames } from '../../../daemon/mdns/conflicts.ts';
import { createLogDouble } from '../../support/doubles.ts';
import { published } from './examples.ts';

const theirs = published('A worker-kube1.local 10.77.0.11');

test('who has a name is told and logged', (t) => {
  const log = createLogDouble();
  const told: unknown[] = [];
  const onConflict = (conflict: unknown): unknown => told.push(conflict);
  tellNames({ kind: 'conflict', name: 'worker-kube1.local', theirs }, { log, onConflict });
  tellNames({ kind: 'conflict', name: 'master.local', theirs, newName: 'master-2.local' }, { log, onConflict });
  tellNames({ kind: 'conflict-over', name: 'worker-kube1.local' }, { log, onConflict });
  t.deepEqual(told, [
    { name: 'worker-kube1.local', theirs: '10.77.0.11' },
    { name: 'master.local', theirs: '10.77.0.11', newName: 'master-2.local' },
  ]);
  t.is(log.records.length, 3);
});

test('a listener that throws is logged', (t) => {
  const log = createLogDouble();
  const fail = (): never => {
    throw new Error('no');
  };
  tellNames({ kind: 'conflict', name: 'a.local', theirs }, { log, onConflict: fail });
  tellConflictOver('a.local', { log, onConflictOver: fail });
  t.is(log.records.filter(({ level }) => level === 'error').length, 2);
});
