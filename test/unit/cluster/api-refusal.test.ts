import test from 'ava';
import { seconds } from '../../../config/values.ts';
import type { Api } from '../../../daemon/cluster/api.ts';
import { type Answer, startApiDouble } from './api-double.ts';

const { signal } = new AbortController();
const refusing =
  (code: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
const ask = (api: Api) => api.request('POST', '/x', { body: {}, signal });

test('429: who says no, and when to ask again', async (t) => {
  const details = { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget web needs 1' }, 7] };
  const { api } = await startApiDouble(t, [
    refusing(429, { kind: 'Status', message: 'Cannot evict pod', details }, { 'retry-after': '10' }),
    refusing(429, 'slow down', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }),
    refusing(500, '<html>'.repeat(1000)),
  ]);
  const budget = { code: 'API_BUSY', detail: '429 Cannot evict pod', causes: ['DisruptionBudget'] };
  t.deepEqual(await ask(api), { ok: false, error: { ...budget, retryAfter: seconds(10) } });
  t.deepEqual(await ask(api), { ok: false, error: { code: 'API_BUSY', detail: '429 slow down', causes: [] } });
  const broken = await ask(api);
  t.like(broken, { ok: false, error: { code: 'API_FAILED', causes: [] } });
  t.true(!broken.ok && broken.error.detail.length < 600);
});
