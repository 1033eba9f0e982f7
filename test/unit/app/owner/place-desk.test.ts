/** Forgetting a board, and giving its place to another one: what the cluster has to say to that. */
import test from 'ava';
import { must, ok, problem, type Result } from '../../../../config/result.ts';
import { parseDeviceId, parseHostname, parseMac } from '../../../../config/values.ts';
import { placeDesk } from '../../../../daemon/app/owner/place-desk.ts';
import type { ApiProblem } from '../../../../daemon/cluster/api.ts';
import { readNode } from '../../../../daemon/cluster/nodes.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { aDevice, START, states } from '../../../support/boards.ts';

const away: Result<never, ApiProblem> = problem('API_UNREACHABLE', 'connection refused');
const node = (device: string) =>
  readNode({ metadata: { name: 'worker-kube1', uid: 'u', labels: { 'bramble.dev/device': device } } });
const volumes = (...names: readonly string[]) =>
  ok({
    metadata: { resourceVersion: '1' },
    items: names.map((name) => ({
      metadata: { name },
      spec: {
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['worker-kube1'] }] },
            ],
          },
        },
      },
    })),
  });

/** A runner that decides and keeps nothing, and a cluster that answers this (doubles). */
function desk(
  board: Device,
  answers: {
    readonly node?: Result<ReturnType<typeof node>, ApiProblem>;
    readonly volumes?: Result<unknown, ApiProblem>;
  },
) {
  const replaced: string[] = [];
  const places = placeDesk({
    runner: {
      dispatch: async (_, event) => ok(transition(board, event, START)),
      replace: async (from, to, by) => {
        replaced.push(`${from} by ${to}, ${by}`);
        return ok(heir);
      },
    },
    cluster: { readNode: async () => answers.node ?? ok(undefined), request: async () => answers.volumes ?? away },
    signal: new AbortController().signal,
  });
  return { ...places, replaced };
}
const heir = aDevice(states.pending, {
  id: must(parseDeviceId('d-00000000000b')),
  name: must(parseHostname('worker-kube7')),
  macs: [must(parseMac('dc:a6:32:00:00:07'))],
});
const detailOf = (result: Result<unknown, { readonly code: string; readonly detail: string }>): string =>
  result.ok ? 'ok' : `${result.error.code} ${result.error.detail}`;

test('a board with a Node in the cluster is not forgotten, and the refusal says what to do', async (t) => {
  const failed = aDevice(states.failed);
  t.regex(
    detailOf(await desk(failed, { node: ok(node(failed.id)) }).forget(failed, 'anna')),
    /^CONFLICT .*bramble leave worker-kube1/,
  );
  t.is(
    detailOf(await desk(failed, { node: ok(node('d-00000000000f')) }).forget(failed, 'anna')),
    'ok',
    'another machine’s',
  );
  t.is(detailOf(await desk(failed, {}).forget(failed, 'anna')), 'ok');
  const leaving = aDevice({ name: 'left', by: 'anna', done: false });
  t.is(
    detailOf(await desk(leaving, { node: ok(node(leaving.id)) }).forget(leaving, 'anna')),
    'CONFLICT worker-kube1: its Node is still being removed: ask again in a moment.',
    'nobody is told to do what is being done',
  );
  const ready = aDevice(states.ready);
  t.regex(
    detailOf(await desk(ready, {}).forget(ready, 'anna')),
    /^CONFLICT .*bramble leave/,
    'its state says it as well',
  );
});

test('while the cluster is away nothing is forgotten that may be in it', async (t) => {
  const pending = aDevice(states.pending);
  t.is(detailOf(await desk(pending, { node: away }).forget(pending, 'anna')), 'ok');
  const failed = aDevice(states.failed);
  t.regex(
    detailOf(await desk(failed, { node: away }).forget(failed, 'anna')),
    /^CONFLICT .*does not answer: connection refused/,
  );
});

test('a place is not given away while volumes lie on its disk, unless they may be lost', async (t) => {
  const old = aDevice(states.unreachable);
  const asked = { by: 'anna', loseData: false };
  const many = desk(old, { volumes: volumes('a', 'b', 'c', 'd', 'e', 'f') });
  t.regex(
    detailOf(await many.replace(old, heir, asked)),
    /^CONFLICT worker-kube1: 6 volumes .*\(a, b, c, d, e, …\).*--lose-data/,
  );
  t.deepEqual(many.replaced, []);
  t.regex(detailOf(await desk(old, { volumes: volumes('a') }).replace(old, heir, asked)), / 1 volume lies on /);
  const unknown = desk(old, { volumes: away });
  t.regex(detailOf(await unknown.replace(old, heir, asked)), /^CONFLICT .*does not answer/);
  t.deepEqual(unknown.replaced, []);
  const agreed = desk(old, { volumes: away });
  t.is(detailOf(await agreed.replace(old, heir, { ...asked, loseData: true })), 'ok');
  const none = desk(old, { volumes: volumes() });
  t.is(detailOf(await none.replace(old, heir, asked)), 'ok');
  t.deepEqual(none.replaced, ['d-0123456789ab by d-00000000000b, anna']);
});
