import test from 'ava';
import fc from 'fast-check';
import { LineTooLong, lineSplitter } from '../../../daemon/cluster/lines.ts';

const feed = (chunks: readonly Buffer[], limit = 1000): readonly string[] => chunks.flatMap(lineSplitter(limit));

test('lines come once each, without their end, when they are finished', (t) => {
  const split = lineSplitter(100);
  t.deepEqual(split(Buffer.from('one\ntwo\nthr')), ['one', 'two']);
  t.deepEqual(split(Buffer.from('ee')), []);
  t.deepEqual(split(Buffer.from('\n\n')), ['three', '']);
});

test('wherever the bytes are cut, the lines are the same', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat()), (texts, cuts) => {
      const lines = texts.map((text) => text.replaceAll('\n', ' '));
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index] ?? 0, end));
      t.deepEqual(feed(chunks, 100_000), lines.map(utf8));
    }),
  );
});

/** As UTF-8 has it: half a surrogate pair is not text. */
const utf8 = (text: string): string => Buffer.from(text).toString('utf8');

test('a line of exactly the limit is read, one byte more is not', (t) => {
  t.deepEqual(feed([Buffer.from('12345\n')], 5), ['12345']);
  t.deepEqual(feed([Buffer.from('123'), Buffer.from('45\n')], 5), ['12345']);
  t.throws(() => feed([Buffer.from('123456\n')], 5), { instanceOf: LineTooLong });
  t.throws(() => feed([Buffer.from('123'), Buffer.from('456\n')], 5), { instanceOf: LineTooLong });
});

test('a line that never ends is given up as soon as it is too long', (t) => {
  const split = lineSplitter(5);
  t.deepEqual(split(Buffer.from('12345')), []);
  t.throws(() => split(Buffer.from('6')), { instanceOf: LineTooLong });
});

test('what is kept of a chunk is a copy: the chunk may be used again', (t) => {
  const split = lineSplitter(100);
  const chunk = Buffer.from('half');
  split(chunk);
  chunk.fill('x');
  t.deepEqual(split(Buffer.from('\n')), ['half']);
});
