import test from 'ava';
import fc from 'fast-check';
import { createListReader } from '../../../daemon/cluster/list-reader.ts';

/** What comes out, however the bytes are cut. */
function read(bytes: Buffer, cuts: readonly number[], limit = 1_000_000) {
  const items: unknown[] = [];
  const { push, end } = createListReader(limit, (item) => items.push(item));
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (const [index, place] of places.entries()) push(bytes.subarray(place, places[index + 1] ?? bytes.length));
  return { items, end };
}
const listOf = (items: unknown, rest: object = {}) => ({
  ...{ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '7', continue: 'next' } },
  ...{ items, ...rest },
});

test('every object as JSON.parse has it, wherever the chunks are cut', (t) => {
  const objects = fc.array(
    fc.dictionary(
      fc.string({ unit: 'binary' }),
      fc.json().map((text): unknown => JSON.parse(text)),
    ),
  );
  fc.assert(
    fc.property(objects, fc.array(fc.nat()), fc.constantFrom(0, 2), fc.boolean(), (items, cuts, indent, isLate) => {
      // Metadata behind the items, and another list that is called the same inside: an object of JSON has no order.
      const { items: last, ...first } = listOf(items, { extra: { items: [{ a: 1 }] }, texts: ['items', '{'] });
      const text = JSON.stringify(isLate ? { items: last, ...first } : { ...first, items: last }, null, indent);
      const found = read(Buffer.from(text), cuts);
      t.deepEqual(found.items, JSON.parse(text).items);
      t.deepEqual(found.end(), { ok: true, value: { items: [], version: '7', next: 'next' } });
    }),
  );
});

test('an empty list, be it null', (t) => {
  for (const items of [null, [], undefined]) {
    const found = read(Buffer.from(JSON.stringify(listOf(items))), []);
    t.deepEqual(found.items, []);
    t.is(found.end().ok, items !== undefined);
  }
});

test('what is no list, or is cut off, is no JSON or garbage, and nothing is kept without end', (t) => {
  const whole = JSON.stringify(listOf([{ name: 'a' }, { name: 'b' }]));
  t.throws(() => read(Buffer.from(whole.slice(0, -30)), []).end(), { instanceOf: SyntaxError });
  t.throws(() => read(Buffer.from('<html>'), []).end(), { instanceOf: SyntaxError });
  t.throws(() => read(Buffer.from('{"items":[{]}'), []), { instanceOf: SyntaxError });
  t.like(read(Buffer.from('{"kind":"Status"}'), []).end(), { ok: false, error: { code: 'WATCH_GARBAGE' } });
  const big = Buffer.from(JSON.stringify(listOf([{ name: 'x'.repeat(2000) }])));
  t.throws(() => read(big, [], 1000), { name: 'LineTooLong' });
  t.throws(() => read(big, [100, 500, 1500], 1000), { name: 'LineTooLong' });
  t.throws(() => read(Buffer.from(`{"metadata":"${'x'.repeat(2000)}`), [], 1000), { name: 'LineTooLong' });
});

test('whatever bytes come, it throws what it says or reads on', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        read(Buffer.concat([Buffer.from('{"items":['), bytes]), [], 100).end();
      } catch (error) {
        t.true(error instanceof SyntaxError || (error instanceof Error && error.name === 'LineTooLong'), String(error));
      }
    }),
  );
  t.pass();
});
