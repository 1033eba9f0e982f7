import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { quoteWords } from '../../../daemon/join/quote.ts';

/** What a POSIX shell makes of the quoted words, one per NUL. */
const shellSees = (words: readonly string[]): string[] =>
  execFileSync('sh', ['-c', `printf '%s\\0' ${quoteWords(words)}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);

for (const words of [
  [''],
  ["it's", '"', '\\', '$HOME', '`id`', '$(id)'],
  ['a b', '  ', '\t', 'line\nend\n'],
  ['*', '~', '#', '-n', '--', 'A=1', '!', ';', '&', '|', '<', '>', 'if'],
  ["'", "''", "'\\''"],
  ['käse', '🍓'],
]) {
  test(`arrives as it is: ${JSON.stringify(words)}`, (t) => {
    t.deepEqual(shellSees(words), words);
  });
}

test('any words arrive as they are', (t) => {
  const word = fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      t.deepEqual(shellSees(words), words);
    }),
    { numRuns: 60 },
  );
});

test('a NUL is our mistake', (t) => {
  t.throws(() => quoteWords(['a\0b']), { message: /NUL/ });
});
