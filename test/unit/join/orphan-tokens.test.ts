import test from 'ava';
import { must, ok, problem } from '../../../config/result.ts';
import { minutes, parseDeviceId, seconds } from '../../../config/values.ts';
import type { KubeRequest } from '../../../daemon/join/cluster-port.ts';
import { sweepOrphans } from '../../../daemon/join/orphan-tokens.ts';
import { createClockDouble } from '../../support/doubles.ts';

const one = must(parseDeviceId('d-000000000001'));
const other = must(parseDeviceId('d-000000000002'));

function begin() {
  const clock = createClockDouble();
  const closing = new AbortController();
  const asked: string[] = [];
  const state: { away: boolean } = { away: true };
  const request: KubeRequest = async (method, path) => {
    asked.push(`${method} ${decodeURIComponent(path.slice(path.lastIndexOf('/') + 1))}`);
    if (state.away) return problem('API_UNREACHABLE', 'off');
    return ok({ items: [{ metadata: { name: 'bootstrap-token-aaaaaa' } }] });
  };
  const orphans = sweepOrphans({ request, run: 'r2', clock, signal: closing.signal });
  return { clock, closing, asked, state, orphans };
}

const others = 'GET secrets?labelSelector=bramble.dev/device,bramble.dev/run!=r2';
const gone = 'DELETE bootstrap-token-aaaaaa';
const listOf = (board = one): string => `GET secrets?labelSelector=bramble.dev/device=${board}`;

test('what an earlier process left goes as soon as the cluster is there; then nothing is asked any more', async (t) => {
  const it = begin();
  await it.clock.advance(minutes(5));
  t.true(it.asked.length > 5);
  t.deepEqual([...new Set(it.asked)], [others]);
  it.state.away = false;
  it.asked.splice(0);
  await it.clock.advance(minutes(10));
  t.deepEqual(it.asked, [others, gone]);
});

test('the token of a join that could not be deleted is tried again while the daemon runs, until it is gone', async (t) => {
  const it = begin();
  it.state.away = false;
  await it.clock.advance(minutes(5));
  it.asked.splice(0);
  it.state.away = true;
  it.orphans.add(one);
  await it.clock.advance(minutes(2));
  t.deepEqual([...new Set(it.asked)], [listOf()]);
  it.state.away = false;
  it.asked.splice(0);
  await it.clock.advance(minutes(10));
  t.deepEqual(it.asked, [listOf(), gone]);
});

test('a board that joins again is left alone: its token is in use', async (t) => {
  const it = begin();
  it.state.away = false;
  await it.clock.advance(minutes(5));
  it.asked.splice(0);
  it.orphans.add(one);
  it.orphans.add(other);
  it.orphans.drop(one);
  await it.clock.advance(minutes(2));
  t.deepEqual(it.asked, [listOf(other), gone]);
});

test('it ends with its signal', async (t) => {
  const it = begin();
  await it.clock.advance(seconds(1));
  it.closing.abort();
  await t.notThrowsAsync(it.orphans.done);
});
