import test from 'ava';
import { rightsAdvice } from '../../../../daemon/app/keeping/rights-advice.ts';

test('an account of an earlier version is told of, with what to do; an API server that is away is not', (t) => {
  const trouble = (code: string) => ({ trouble: () => ({ code, detail: '403 cannot list resource "pods"' }) });
  t.is(rightsAdvice(trouble('API_FORBIDDEN')).length, 1);
  t.regex(rightsAdvice(trouble('API_FORBIDDEN'))[0] ?? '', /pods.*bramble cluster install/);
  t.deepEqual(rightsAdvice(trouble('API_UNREACHABLE')), []);
  t.deepEqual(rightsAdvice({ trouble: () => undefined }), []);
  t.deepEqual(rightsAdvice(undefined), []);
});
