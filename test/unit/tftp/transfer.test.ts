import test from 'ava';
import { instant } from '../../../config/values.ts';
import { negotiate } from '../../../daemon/tftp/negotiate.ts';
import {
  beginTransfer,
  bytesAcked,
  type Step,
  stepTransfer,
  type TransferAction,
  type TransferEvent,
} from '../../../daemon/tftp/transfer.ts';

const format = (action: TransferAction): string => {
  switch (action.action) {
    case 'send-oack':
      return 'oack';
    case 'send-data':
      return `data ${action.from}-${action.to}`;
    case 'send-error':
      return `error ${action.code}`;
    case 'arm':
      return `arm ${action.wait}`;
    case 'finish':
      return `finish ${action.ended}`;
  }
};

/** `ack 3`, `read 44`, `timeout`, `error`, `read-failed`. */
const parse = (text: string): TransferEvent => {
  const [event, number] = text.split(' ');
  if (event === 'ack') return { event, block: Number(number) };
  if (event === 'read') return { event: 'data-read', upTo: Number(number) };
  if (event === 'error') return { event, code: 0, message: 'Early terminate' };
  return { event: event === 'timeout' ? event : 'read-failed' };
};

/** Options such as `blksize=1468 windowsize=4`; rows of event, then what the server does, every row 100 ms later. */
const story = test.macro({
  title: (name = '') => name,
  exec: (t, options: string, size: number, begin: string, rows: readonly (readonly [string, string])[]) => {
    const pairs = options.split(' ').filter((pair) => pair !== '');
    const asked = pairs.map((pair) => ({ name: pair.split('=')[0] ?? '', value: pair.split('=')[1] ?? '' }));
    let step: Step = beginTransfer(negotiate(asked, size), size);
    t.is(step.actions.map(format).join(', '), begin);
    let now = 1_000_000;
    for (const [event, expected] of rows) {
      now += 100;
      step = stepTransfer(step.transfer, parse(event), instant(now));
      t.is(step.actions.map(format).join(', '), expected, `after ${event}`);
    }
  },
});

test('without options: block 1 as soon as it is read, then lock-step', story, '', 1025, '', [
  ['read 3', 'data 1-1, arm 1000'],
  ['ack 1', 'data 2-2, arm 1000'],
  ['ack 2', 'data 3-3, arm 1000'],
  ['ack 3', 'finish complete'],
  ['ack 3', ''],
  ['timeout', ''],
]);
test('no bytes: one empty block', story, '', 0, '', [
  ['read 1', 'data 1-1, arm 1000'],
  ['ack 1', 'finish complete'],
]);
test('exactly two blocks: an empty third one ends it', story, '', 1024, '', [
  ['read 100', 'data 1-1, arm 1000'],
  ['ack 1', 'data 2-2, arm 1000'],
  ['ack 2', 'data 3-3, arm 1000'],
  ['ack 3', 'finish complete'],
]);
test('with options: the OACK, then block 1 after ACK 0', story, 'tsize=0', 600, 'oack, arm 1000', [
  ['ack 0', 'arm 1000'],
  ['read 2', 'data 1-1, arm 1000'],
  ['ack 1', 'data 2-2, arm 1000'],
  ['ack 2', 'finish complete'],
]);
test(
  'a lost OACK goes again only by the timer, more and more rarely, and six times',
  story,
  'tsize=0',
  9,
  'oack, arm 1000',
  [
    ['timeout', 'oack, arm 2000'],
    ['timeout', 'oack, arm 4000'],
    ['timeout', 'oack, arm 4000'],
    ['timeout', 'oack, arm 4000'],
    ['timeout', 'oack, arm 4000'],
    ['timeout', 'oack, arm 4000'],
    ['timeout', 'finish timeout'],
  ],
);
test('an agreed timeout stays as it was agreed', story, 'timeout=3', 9, 'oack, arm 3000', [
  ['timeout', 'oack, arm 3000'],
  ['timeout', 'oack, arm 3000'],
]);
test('an ACK of a block before the OACK was acknowledged means nothing', story, 'tsize=0', 9, 'oack, arm 1000', [
  ['ack 1', ''],
  ['ack 0', 'arm 1000'],
]);
test('the firmware only wanted to know whether the file exists', story, 'tsize=0', 9, 'oack, arm 1000', [
  ['error', 'finish aborted'],
  ['ack 0', ''],
]);
test("lock-step: doubled ACKs send nothing (Sorcerer's Apprentice)", story, '', 5000, '', [
  ['read 10', 'data 1-1, arm 1000'],
  ['ack 0', ''],
  ['ack 1', 'data 2-2, arm 1000'],
  ['ack 1', ''],
  ['ack 0', ''],
  ['ack 2', 'data 3-3, arm 1000'],
  ['ack 1', ''],
  ['ack 9', ''],
  ['ack 65535', ''],
]);
test('a lost block goes again by the timer; progress ends the growing', story, '', 5000, '', [
  ['read 10', 'data 1-1, arm 1000'],
  ['timeout', 'data 1-1, arm 2000'],
  ['timeout', 'data 1-1, arm 4000'],
  ['ack 1', 'data 2-2, arm 1000'],
  ['timeout', 'data 2-2, arm 2000'],
]);
test("a slow disk is not the client's fault", story, '', 5000, '', [
  ['read 1', 'data 1-1, arm 1000'],
  ['ack 1', 'arm 1000'],
  ...Array.from({ length: 9 }, () => ['timeout', 'arm 1000'] as const),
  ['read 10', 'data 2-2, arm 1000'],
]);
test('a file that cannot be read ends with an ERROR', story, '', 5000, '', [
  ['read 1', 'data 1-1, arm 1000'],
  ['read-failed', 'error 0, finish aborted'],
]);
test('window: sent whole, moved whole', story, 'windowsize=4', 4600, 'oack, arm 1000', [
  ['read 9', ''],
  ['ack 0', 'data 1-4, arm 1000'],
  // The first round trip took 100 ms: nothing for 100 + 4 × 50 ms means that something was lost.
  ['ack 4', 'data 5-8, arm 300'],
  ['ack 8', 'data 9-9, arm 250'],
  ['ack 9', 'finish complete'],
]);
test('window: filled as the blocks are read', story, 'windowsize=4', 4600, 'oack, arm 1000', [
  ['ack 0', 'arm 1000'],
  ['read 2', 'data 1-2, arm 1000'],
  ['read 9', 'data 3-4, arm 1000'],
  ['ack 4', 'data 5-8, arm 1000'],
]);
test('window: an ACK inside it names the gap', story, 'windowsize=4', 9000, 'oack, arm 1000', [
  ['read 99', ''],
  ['ack 0', 'data 1-4, arm 1000'],
  ['ack 2', 'data 3-6, arm 300'],
  // What went twice tells no round trip.
  ['ack 6', 'data 7-10, arm 300'],
]);
test('window: its first block lost', story, 'windowsize=4', 9000, 'oack, arm 1000', [
  ['read 99', ''],
  ['ack 0', 'data 1-4, arm 1000'],
  ['ack 0', 'data 1-4, arm 1000'],
  ['ack 4', 'data 5-8, arm 1000'],
  ['ack 4', 'data 5-8, arm 1000'],
]);
test('window: lost as a whole', story, 'windowsize=4', 9000, 'oack, arm 1000', [
  ['read 99', ''],
  ['ack 0', 'data 1-4, arm 1000'],
  ['timeout', 'data 1-4, arm 2000'],
  ['ack 4', 'data 5-8, arm 1000'],
]);
test(
  'window: its last block lost; what the client had is not sent a third time',
  story,
  'windowsize=4',
  9000,
  'oack, arm 1000',
  [
    ['read 99', ''],
    ['ack 0', 'data 1-4, arm 1000'],
    ['ack 4', 'data 5-8, arm 300'],
    ['timeout', 'data 5-8, arm 600'],
    ['ack 7', 'data 9-11, arm 300'],
    ['ack 11', 'data 12-15, arm 300'],
    ['ack 13', 'data 14-17, arm 250'],
  ],
);
test('window: a client that is silent has the same patience of ours as one in lock-step', (t) => {
  let step = beginTransfer(negotiate([{ name: 'windowsize', value: '4' }], 9000), 9000);
  const at = (event: string, now: number): string => {
    step = stepTransfer(step.transfer, parse(event), instant(now));
    return step.actions.map(format).join(', ');
  };
  at('read 99', 0);
  at('ack 0', 0);
  t.is(at('ack 4', 1), 'data 5-8, arm 20', 'never sooner than 20 ms');
  const waits: number[] = [20];
  for (;;) {
    const said = at('timeout', 2);
    if (said === 'finish timeout') break;
    waits.push(Number(/^data 5-8, arm (\d+)$/.exec(said)?.[1]));
  }
  t.deepEqual(waits, [20, 40, 80, 160, 320, 640, 1280, 2560, 4000, 4000, 4000, 4000, 4000]);
});

test('window: every block behind a gap repeats the ACK, and one window is the answer', (t) => {
  const agreement = negotiate([{ name: 'windowsize', value: '4' }], 9000);
  let step = beginTransfer(agreement, 9000);
  const at = (event: string, now: number): string => {
    step = stepTransfer(step.transfer, parse(event), instant(now));
    return step.actions.map(format).join(', ');
  };
  at('read 99', 0);
  at('ack 0', 0);
  t.is(at('ack 1', 10), 'data 2-5, arm 30');
  t.is(at('ack 1', 11), '');
  t.is(at('ack 1', 19), '');
  t.is(at('ack 1', 20), 'data 2-5, arm 30');
  // The clock was set back: it must not silence us, and tells no round trip.
  t.is(at('ack 1', -500_000), 'data 2-5, arm 30');
  t.is(at('ack 5', 500_000), 'data 6-9, arm 30');
  t.is(at('ack 9', -500_000), 'data 10-13, arm 30');
});

test('block numbers roll over to 0, twice', (t) => {
  const size = 8 * 140_000 + 3;
  let step = beginTransfer(negotiate([{ name: 'blksize', value: '8' }], size), size);
  step = stepTransfer(step.transfer, parse('ack 0'), instant(0));
  step = stepTransfer(step.transfer, parse('read 140001'), instant(0));
  for (let block = 1; block <= 140_000; block += 1) {
    step = stepTransfer(step.transfer, { event: 'ack', block: block & 0xffff }, instant(0));
    const [data] = step.actions;
    if (data?.action !== 'send-data' || data.from !== block + 1) return t.fail(`after block ${block}`);
  }
  step = stepTransfer(step.transfer, { event: 'ack', block: 140_001 & 0xffff }, instant(0));
  t.deepEqual(step.actions, [{ action: 'finish', ended: 'complete' }]);
  t.is(bytesAcked(step.transfer), size);
});
