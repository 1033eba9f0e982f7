import test from 'ava';
import { must } from '../../../../config/result.ts';
import { parseHostname } from '../../../../config/values.ts';
import { endsCluster } from '../../../../daemon/app/owner/cluster-carrier.ts';
import { actions } from '../../../../daemon/http/wire.ts';
import { aDevice, states } from '../../../support/boards.ts';

const board = aDevice(states.ready);
const carried = { controlPlane: board.name };
const losing = ['reject', 'reinstall', 'wipe', 'leave'];

test('what would end the cluster is refused with the words that do it all the same', (t) => {
  const refused = actions.filter((action) => endsCluster(action, board, carried) !== undefined);
  t.deepEqual(refused, losing);
  t.is(
    endsCluster('wipe', board, carried),
    `${board.name} carries the cluster, and every board would lose it for good; if that is meant: bramble wipe ${board.name} --force`,
  );
});

test('of other boards, and while it has no system, nothing is', (t) => {
  const other = { controlPlane: must(parseHostname('worker-kube99')) };
  const others = actions.flatMap((action) => [
    endsCluster(action, board, other),
    endsCluster(action, board, { controlPlane: undefined }),
    endsCluster(action, aDevice(states.pending), carried),
  ]);
  t.true(others.every((reason) => reason === undefined));
});
