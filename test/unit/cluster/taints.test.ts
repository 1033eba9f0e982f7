import test from 'ava';
import { err, ok, type Result } from '../../../config/result.ts';
import type { Api, ApiCode, ApiProblem } from '../../../daemon/cluster/api.ts';
import {
  deleteNode,
  putQuarantine,
  quarantine,
  releaseQuarantine,
  withoutTaintPatch,
  withTaintPatch,
} from '../../../daemon/cluster/taints.ts';

const ours = { key: 'bramble.dev/quarantine', effect: 'NoSchedule' };
const theirs = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' };
const sameKey = { key: 'bramble.dev/quarantine', effect: 'NoExecute' };
const node = (taints?: readonly unknown[]) => ({
  metadata: { uid: 'u' },
  spec: taints === undefined ? {} : { taints },
});
const signal = new AbortController().signal;

test("the patch leaves everybody else's taints as they are, down to fields that we do not know", (t) => {
  t.deepEqual(withoutTaintPatch(node([theirs, ours, sameKey]), quarantine), [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    { op: 'test', path: '/spec/taints', value: [theirs, ours, sameKey] },
    { op: 'replace', path: '/spec/taints', value: [theirs, sameKey] },
  ]);
});

test('the last taint takes the list with it', (t) => {
  t.deepEqual(withoutTaintPatch(node([ours]), quarantine)?.at(-1), { op: 'remove', path: '/spec/taints' });
});

test('without the taint there is nothing to patch', (t) => {
  for (const without of [node(), node([]), node([theirs]), node([sameKey]), {}, null]) {
    t.is(withoutTaintPatch(without, quarantine), undefined);
  }
});

test('a taint is put beside those of others, or on a Node that is as it was read', (t) => {
  t.deepEqual(withTaintPatch(node([theirs, sameKey]), quarantine), [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    { op: 'test', path: '/spec/taints', value: [theirs, sameKey] },
    { op: 'add', path: '/spec/taints/-', value: quarantine },
  ]);
  const bare = { metadata: { uid: 'u', resourceVersion: '7' }, spec: {} };
  t.deepEqual(withTaintPatch(bare, quarantine), [
    { op: 'test', path: '/metadata/uid', value: 'u' },
    { op: 'test', path: '/metadata/resourceVersion', value: '7' },
    { op: 'add', path: '/spec/taints', value: [quarantine] },
  ]);
  t.is(withTaintPatch(node([theirs, ours]), quarantine), undefined);
});

/** Answers each request in turn, and writes down what was asked. */
function apiDouble(...answers: readonly Result<unknown, ApiProblem>[]) {
  const asked: { method: string; path: string; body: unknown }[] = [];
  const left = [...answers];
  const api: Api = {
    request: async (method, path, { body }) => {
      asked.push({ method, path, body });
      return left.shift() ?? refused('API_FAILED');
    },
    stream: async () => refused('API_FAILED'),
  };
  return { api, asked };
}
const refused = (code: ApiCode): Result<never, ApiProblem> => err({ code, detail: '' });
const codeOf = (result: Result<unknown, { readonly code: string }>): string => (result.ok ? 'ok' : result.error.code);

for (const code of ['API_CONFLICT', 'API_INVALID'] as const) {
  test(`${code}: somebody was faster; the Node is read again and theirs is kept`, async (t) => {
    const { api, asked } = apiDouble(ok(node([ours])), refused(code), ok(node([theirs, ours])), ok({}));
    t.is(codeOf(await releaseQuarantine(api, 'a', 'u', signal)), 'ok');
    t.deepEqual(
      asked.map(({ method }) => method),
      ['GET', 'PATCH', 'GET', 'PATCH'],
    );
    const last = asked.at(-1)?.body;
    t.deepEqual(Array.isArray(last) && last.at(-1), { op: 'replace', path: '/spec/taints', value: [theirs] });
  });
}

test('it is not tried for ever', async (t) => {
  const answers = Array.from({ length: 20 }, (_, index) => (index % 2 ? refused('API_CONFLICT') : ok(node([ours]))));
  const { api, asked } = apiDouble(...answers);
  t.is(codeOf(await releaseQuarantine(api, 'a', 'u', signal)), 'API_CONFLICT');
  t.is(asked.length, 10);
});

test('another Node of the same name is left alone', async (t) => {
  const { api, asked } = apiDouble(ok({ ...node([ours]), metadata: { uid: 'another' } }));
  t.is(codeOf(await releaseQuarantine(api, 'a', 'u', signal)), 'NODE_REPLACED');
  t.is(asked.length, 1);
});

test('what is off already needs no patch; other refusals are told at once', async (t) => {
  const free = apiDouble(ok(node([theirs])));
  t.is(codeOf(await releaseQuarantine(free.api, 'a', 'u', signal)), 'ok');
  t.is(free.asked.length, 1);
  const forbidden = apiDouble(ok(node([ours])), refused('API_FORBIDDEN'));
  t.is(codeOf(await releaseQuarantine(forbidden.api, 'a', 'u', signal)), 'API_FORBIDDEN');
  t.is(codeOf(await releaseQuarantine(apiDouble(refused('API_NOT_FOUND')).api, 'a', 'u', signal)), 'API_NOT_FOUND');
});

test('quarantine is put on the Node that was meant, again if somebody was faster, and not twice', async (t) => {
  const raced = apiDouble(ok(node([theirs])), refused('API_INVALID'), ok(node([theirs, sameKey])), ok({}));
  t.is(codeOf(await putQuarantine(raced.api, 'a', 'u', signal)), 'ok');
  const last = raced.asked.at(-1)?.body;
  t.deepEqual(Array.isArray(last) && last[1], { op: 'test', path: '/spec/taints', value: [theirs, sameKey] });
  const there = apiDouble(ok(node([ours])));
  t.is(codeOf(await putQuarantine(there.api, 'a', 'u', signal)), 'ok');
  t.is(there.asked.length, 1);
  const another = apiDouble(ok(node()));
  t.is(codeOf(await putQuarantine(another.api, 'a', 'v', signal)), 'NODE_REPLACED');
});

test('a Node is deleted by its uid; gone, or replaced by another, is well', async (t) => {
  const { api, asked } = apiDouble(ok({}));
  t.is(codeOf(await deleteNode(api, 'a/b', 'u', signal)), 'ok');
  t.like(asked[0], { method: 'DELETE', path: '/api/v1/nodes/a%2Fb', body: { preconditions: { uid: 'u' } } });
  for (const code of ['API_NOT_FOUND', 'API_CONFLICT'] as const) {
    t.is(codeOf(await deleteNode(apiDouble(refused(code)).api, 'a', 'u', signal)), 'ok');
  }
  t.is(codeOf(await deleteNode(apiDouble(refused('API_FORBIDDEN')).api, 'a', 'u', signal)), 'API_FORBIDDEN');
});
