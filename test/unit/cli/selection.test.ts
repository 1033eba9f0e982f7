import test from 'ava';
import { selected } from '../../../cli/selection.ts';
import { deviceFake } from '../http/views-fake.ts';

const names = (action: 'accept' | 'reject', model?: string): readonly string[] =>
  selected(boards, action, model === undefined ? { all: true } : { model }).map(({ name }) => name);

const boards = [
  deviceFake('worker-kube10', { state: 'pending' }),
  deviceFake('worker-kube2', { state: 'seen', adoptable: true, model: 'pi3' }),
  deviceFake('worker-kube3', { state: 'seen' }),
  deviceFake('worker-kube4'),
];

test('accept means those that wait for a decision, and those whose system would be taken in with it', (t) => {
  t.deepEqual(names('accept'), ['worker-kube2', 'worker-kube10']);
  t.deepEqual(names('accept', 'pi3'), ['worker-kube2']);
  t.deepEqual(names('reject'), ['worker-kube10'], 'nobody asked for that one to be turned away');
});
