import test from 'ava';
import { millis, seconds } from '../../../../config/values.ts';
import { rightsAdvice, whyUnknown } from '../../../../daemon/app/keeping/known.ts';

test('an account of an earlier version is told of, with what to do; an API server that is away is not', (t) => {
  const trouble = (code: string) => ({ trouble: () => ({ code, detail: '403 cannot list resource "pods"' }) });
  t.is(rightsAdvice(trouble('API_FORBIDDEN')).length, 1);
  t.regex(rightsAdvice(trouble('API_FORBIDDEN'))[0] ?? '', /pods.*bramble cluster install/);
  t.deepEqual(rightsAdvice(trouble('API_UNREACHABLE')), []);
  t.deepEqual(rightsAdvice({ trouble: () => undefined }), []);
  t.deepEqual(rightsAdvice(undefined), []);
});

test('why nothing is decided: never read, heard long ago, no rights, or a cluster that nobody keeps', (t) => {
  const forbidden = { code: 'API_FORBIDDEN', detail: 'pods is forbidden' };
  const away = { code: 'API_UNREACHABLE', detail: 'connection refused' };
  const why = (age: number | undefined, trouble?: { code: string; detail: string }): string =>
    whyUnknown({ age: () => (age === undefined ? undefined : millis(age)), trouble: () => trouble }) ?? '';
  t.is(why(seconds(20), away), '');
  t.is(why(seconds(21)), 'the API server was last heard 21 s ago');
  t.is(why(seconds(300), away), 'the API server was last heard 300 s ago: connection refused');
  t.is(why(undefined), 'what the cluster has was not read yet');
  t.regex(why(undefined, forbidden), /lacks rights \(pods is forbidden\): run bramble cluster install again/);
  t.regex(whyUnknown(undefined) ?? '', /kube-config is legacy: no failover and no balance/);
});
