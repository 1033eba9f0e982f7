import test from 'ava';
import { ok, problem } from '../../../config/result.ts';
import { orAway } from '../../../daemon/join/away.ts';

const { signal } = new AbortController();
const failed = problem('JOIN_FAILED', 'no server');

test('what fails while the cluster is away is not the board’s failure', async (t) => {
  for (const code of ['API_UNREACHABLE', 'API_FAILED', 'API_BUSY', 'API_UNAUTHORIZED'])
    t.deepEqual(
      await orAway(failed, async () => problem(code, 'refused'), signal),
      problem('API_UNREACHABLE', 'refused'),
    );
});

test('what fails while the cluster is there has failed; what went well is not asked about', async (t) => {
  t.deepEqual(await orAway(failed, async () => ok({}), signal), failed);
  t.deepEqual(await orAway(failed, async () => problem('API_FORBIDDEN', '403'), signal), failed);
  const unasked = () => Promise.reject(new Error('asked'));
  t.deepEqual(await orAway(ok(1), unasked, signal), ok(1));
  const away = problem('API_UNREACHABLE', 'there is no kubeconfig yet');
  t.deepEqual(await orAway(away, unasked, signal), away);
});
