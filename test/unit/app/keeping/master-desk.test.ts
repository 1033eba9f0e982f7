import test from 'ava';
import { ok, problem } from '../../../../config/result.ts';
import { seconds } from '../../../../config/values.ts';
import { createMasterDesk } from '../../../../daemon/app/keeping/master-desk.ts';
import type { Cluster } from '../../../../daemon/cluster/index.ts';
import { masterTaint } from '../../../../daemon/cluster/master-taint.ts';
import type { NodeFacts } from '../../../../daemon/cluster/nodes.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';
import { nodeFacts } from '../../../support/nodes.ts';

/** A cluster of one object each, without races: the patches are judged elsewhere. */
function begin(given: readonly NodeFacts[], mayWork = false) {
  let nodes = given;
  let isRefusing = false;
  const asked: string[] = [];
  const notes: string[] = [];
  const moves: string[] = [];
  const listeners = new Set<Parameters<Cluster['onNodes']>[0]>();
  const clock = createClockDouble();
  const log = createLogDouble();
  const closing = new AbortController();
  const desk = createMasterDesk({
    ...{ mayWork, clock, log },
    onTainted: (reason) => moves.push(reason),
    cluster: {
      nodes: () => nodes,
      onNodes: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      request: async (method, path) => {
        asked.push(`${method} ${path.replace('/api/v1/nodes/', '')}`);
        if (isRefusing) return problem('API_FORBIDDEN', '403 no');
        const { uid, taints, name } = nodes.find((node) => path.endsWith(node.name)) ?? nodeFacts({ name: '' });
        return ok({ metadata: { name, uid, resourceVersion: '1', annotations: {} }, spec: { taints } });
      },
      gate: {
        note: async ({ name }, { reason }) => {
          notes.push(`${name} ${reason}`);
        },
      },
    },
  });
  const following = desk.follow(closing.signal);
  const change = (node: NodeFacts): void => {
    nodes = [...nodes.filter(({ name }) => name !== node.name), node];
    for (const listener of listeners) listener({ type: 'changed', item: node });
  };
  const end = async (): Promise<void> => {
    closing.abort();
    await following;
  };
  const refuse = (refusing: boolean): void => {
    isRefusing = refusing;
  };
  return { desk, clock, log, asked, notes, moves, change, refuse, end };
}
const master = nodeFacts({ name: 'master', controlPlane: true });
const tainted = { ...master, taints: [masterTaint] };

test('the master is tainted once, and a worker never', async (t) => {
  const { clock, asked, notes, moves, desk, change, end } = begin([master, nodeFacts({ name: 'worker' })]);
  await clock.advance(seconds(1));
  t.deepEqual(asked, ['GET master', 'PATCH master']);
  t.deepEqual(notes, ['master BrambleTainted']);
  t.deepEqual(desk.advice(), [], 'the watch is a moment behind');
  t.deepEqual(moves, [], 'who plans does not see it yet');
  change(tainted);
  await clock.advance(seconds(60));
  t.is(asked.length, 2);
  t.deepEqual(moves, ['master carries no workloads'], 'once');
  await end();
});

test('taken off by somebody it stays off, and is told; a new Node gets it', async (t) => {
  const { clock, asked, moves, desk, change, end } = begin([tainted]);
  await clock.advance(seconds(1));
  t.deepEqual(asked, ['GET master']);
  t.deepEqual(moves, [], 'it had it before');
  change(master);
  await clock.advance(seconds(60));
  t.is(asked.length, 1);
  t.is(desk.advice().length, 1);
  t.regex(desk.advice()[0] ?? '', /master may get workloads.*workloadOnMaster/);
  change({ ...master, uid: 'anew' });
  await clock.advance(seconds(1));
  t.deepEqual(asked.slice(1), ['GET master', 'PATCH master']);
  await end();
});

test('with workloads allowed, a taint that was there before stays, and nothing is told', async (t) => {
  const { clock, asked, notes, desk, end } = begin([tainted], true);
  await clock.advance(seconds(60));
  t.deepEqual([asked, notes, desk.advice()], [['GET master'], [], []]);
  await end();
});

test('refused, it is tried again, said in the status, and logged once', async (t) => {
  const { clock, log, desk, refuse, end, change } = begin([master]);
  refuse(true);
  await clock.advance(seconds(60));
  t.is(log.records.filter(({ level }) => level === 'warn').length, 1);
  t.regex(desk.advice()[0] ?? '', /could not be set: 403/);
  refuse(false);
  await clock.advance(seconds(15));
  change(tainted);
  t.deepEqual(desk.advice(), []);
  await end();
});
