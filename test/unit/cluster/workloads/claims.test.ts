import test from 'ava';
import { seconds } from '../../../../config/values.ts';
import { readBudget } from '../../../../daemon/cluster/workloads/budgets.ts';
import { createClaimTable, readClaim, readVolume } from '../../../../daemon/cluster/workloads/claims.ts';
import { createLeaseTable, readLease } from '../../../../daemon/cluster/workloads/leases.ts';
import { createRests } from '../../../../daemon/rests.ts';
import { createClockDouble } from '../../../support/doubles.ts';

const on = (node: string) => ({
  matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }],
});
const volume = (name: string, node: string) =>
  readVolume({ metadata: { name }, spec: { nodeAffinity: { required: { nodeSelectorTerms: [on(node)] } } } }) ??
  never();
const claim = (name: string, volumeName: string, phase = 'Bound', accessModes = ['ReadWriteOnce']) =>
  readClaim({ metadata: { name, namespace: 'default' }, spec: { volumeName, accessModes }, status: { phase } }) ??
  never();
const never = (): never => {
  throw new Error('not kept');
};

test('a claim says where its volume lets a pod run, in whatever order they come', (t) => {
  const changed: string[] = [];
  const table = createClaimTable((name) => changed.push(name));
  const of = (name: string) => table.claims.get(name);
  table.putVolume(volume('disk', 'a'));
  table.putClaim(claim('data', 'disk', 'Pending'));
  t.deepEqual(of('default/data'), { name: 'default/data', nodeAffinity: undefined, single: true });
  table.putClaim(claim('data', 'disk'));
  t.deepEqual(of('default/data')?.nodeAffinity, [[{ key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] }]]);
  table.putVolume(volume('disk', 'b'));
  t.deepEqual(of('default/data')?.nodeAffinity, [[{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }]]);
  t.is(changed.length, 3);
  table.putVolume(volume('disk', 'b'));
  table.putVolume(volume('of nobody', 'b'));
  t.is(changed.length, 3);
  table.removeVolume({ name: 'disk', nodeAffinity: [] });
  t.is(of('default/data')?.nodeAffinity, undefined);
  table.removeClaim(claim('data', 'disk'));
  t.is(table.claims.size, 0);
});

test('whether one Node alone can have it', (t) => {
  t.true(claim('a', 'v', 'Bound', ['ReadWriteOncePod']).single);
  t.false(claim('a', 'v', 'Bound', ['ReadWriteOnce', 'ReadWriteMany']).single);
  t.is(readClaim({}), undefined);
});

test('a budget; one that was not counted yet allows nothing', (t) => {
  const metadata = { name: 'web', namespace: 'default' };
  const spec = { minAvailable: 1, selector: { matchLabels: { app: 'web' } } };
  const selector = { matchLabels: { app: 'web' }, matchExpressions: [] };
  t.deepEqual(readBudget({ metadata, spec, status: { disruptionsAllowed: 2 } }), {
    name: 'default/web',
    selector,
    allowed: 2,
  });
  t.deepEqual(readBudget({ metadata, spec: {} }), { name: 'default/web', selector: undefined, allowed: 0 });
});

test('a Lease is as old as we counted, whatever its own clock says', async (t) => {
  const clock = createClockDouble();
  const rests = createRests(clock, seconds(1));
  const table = createLeaseTable(rests);
  const closing = new AbortController();
  const following = rests.follow(closing.signal);
  const lease = (renewTime: string) =>
    readLease({ metadata: { name: 'worker', namespace: 'kube-node-lease' }, spec: { renewTime } }) ?? never();
  t.is(table.of('worker'), undefined);
  table.put(lease('1970-01-01T00:00:00.000000Z'));
  await clock.advance(seconds(15));
  t.deepEqual(table.of('worker'), { age: seconds(15), renewals: 0 });
  table.put(lease('2038-01-01T00:00:00.000000Z'));
  t.deepEqual(table.of('worker'), { age: seconds(0), renewals: 1 });
  await clock.advance(seconds(3));
  t.is(table.of('worker')?.age, seconds(3));
  table.remove(lease(''));
  t.is(table.of('worker'), undefined);
  closing.abort();
  await following;
});
