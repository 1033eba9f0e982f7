import test from 'ava';
import { problem } from '../../../config/result.ts';
import { lastWords, mask, programFailed } from '../../../daemon/join/output.ts';

test('the last 50 lines, both streams, without what a terminal would act upon', (t) => {
  const lines = Array.from({ length: 80 }, (_, index) => `line ${index}`);
  t.deepEqual(lastWords({ stdout: lines.join('\n'), stderr: '' }).split('\n'), lines.slice(30));
  t.is(lastWords({ stdout: 'out\n', stderr: '\x1b[31merror\x1b[0m\x07\n' }), 'out\nerror');
  t.is(lastWords({ stdout: ' 1 %\r 50 %\r100 %', stderr: '' }), '100 %');
  t.is(lastWords({ stdout: '', stderr: '' }), '');
});

test('4 KiB at most, and no character is cut in two', (t) => {
  const words = lastWords({ stdout: `a${'ä'.repeat(4000)}`, stderr: '' });
  t.true(Buffer.byteLength(words) <= 4096);
  t.regex(words, /^ä+$/);
  const odd = lastWords({ stdout: `${'ä'.repeat(4000)}b`, stderr: '' });
  t.true(Buffer.byteLength(odd) <= 4096);
  t.regex(odd, /^ä+b$/);
});

test('a secret is in none of it', (t) => {
  const end = { code: 3, stdout: 'with s3cret', stderr: 'bad s3cret' };
  const failed = programFailed('JOIN_FAILED', 'kubeadm join', end, ['s3cret', '']);
  t.deepEqual(failed.error, { code: 'JOIN_FAILED', detail: 'kubeadm join: bad …', output: 'with …\nbad …' });
  t.deepEqual(mask({ ok: false, error: { code: 'X', detail: 'a s3cret', output: 's3cret' } }, ['s3cret']).error, {
    code: 'X',
    detail: 'a …',
    output: '…',
  });
  t.deepEqual(mask(problem('X', 'fine'), ['s3cret']), problem('X', 'fine'));
});

test('a program that said nothing is told by its code', (t) => {
  const failed = programFailed('RESET_FAILED', 'kubeadm reset', { code: 255, stdout: '', stderr: ' \n' });
  t.deepEqual(failed.error, { code: 'RESET_FAILED', detail: 'kubeadm reset ended with code 255' });
});
