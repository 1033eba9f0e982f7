import test from 'ava';
import fc from 'fast-check';
import { matchesGlob } from '../../../config/glob.ts';

test('a name, a star, a question mark', (t) => {
  const table: readonly (readonly [pattern: string, text: string, fits: boolean])[] = [
    ['worker-kube1', 'worker-kube1', true],
    ['worker-kube1', 'worker-kube10', false],
    ['worker-*', 'worker-kube1', true],
    ['worker-*', 'master', false],
    ['*', '', true],
    ['?', '', false],
    ['worker-kube?', 'worker-kube1', true],
    ['worker-kube?', 'worker-kube10', false],
    ['*kube*1', 'worker-kube21', true],
    ['a*b*c', 'a-b-c-b', false],
    ['[a-z]', 'a', false],
    ['.', 'a', false],
  ];
  for (const [pattern, text, fits] of table) t.is(matchesGlob(pattern, text), fits, `${pattern} ${text}`);
});

test('as a regular expression would have it', (t) => {
  const small = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(small, text, (pattern, subject) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
      return matchesGlob(pattern, subject) === expression.test(subject);
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('many stars are not slow', (t) => {
  t.false(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(5000)));
});
