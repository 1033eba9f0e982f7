import test from 'ava';
import { createMetrics } from '../../../../daemon/app/owner/metrics.ts';
import { createTally } from '../../../../daemon/traffic/counts.ts';
import { aDevice, states } from '../../../support/boards.ts';

const apiRequests = () => ({ GET: 7, POST: 0, PUT: 0, PATCH: 1, DELETE: 0, WATCH: 13 });

/** Name, labels and value of each sample (prom-client writes NaN as `Nan`, which Prometheus reads, too); throws on what is no line of the text form 0.0.4. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) \w+ ./.test(line)) continue;
    const [, sample, value] =
      /^([a-zA-Z_:][\w:]*(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})?) (-?[\d.e+-]+|Nan|[+-]Inf)$/.exec(line) ?? [];
    if (sample === undefined || samples.has(sample)) throw new Error(`not a sample, or twice: ${line}`);
    samples.set(sample, Number(value));
  }
  return samples;
}

test('every count is a sample, and stays what it is when it is asked for again', async (t) => {
  const tally = createTally();
  const metrics = createMetrics({ traffic: async () => tally.now(), boards: () => [], apiRequests });
  const dhcp = tally.count('dhcp');
  for (let left = 3; left > 0; left -= 1) dhcp('flood');
  tally.count('tftp')('refused');
  await metrics.text();
  const samples = samplesOf(await metrics.text());
  t.is(samples.get('bramble_dhcp_datagrams_total{result="flood"}'), 3);
  t.is(samples.get('bramble_dhcp_datagrams_total{result="answered"}'), 0);
  t.is(samples.get('bramble_tftp_requests_total{result="refused"}'), 1);
  t.is(samples.get('bramble_mdns_datagrams_total{result="overrun"}'), 0);
  t.is(samples.get('bramble_http_requests_total{result="answered"}'), 0);
  t.is(samples.get('bramble_api_requests_total{verb="GET"}'), 7);
  t.is(samples.get('bramble_api_requests_total{verb="WATCH"}'), 13);
  t.true((samples.get('process_resident_memory_bytes') ?? 0) > 1_000_000);
});

test('boards by state, as they are at that moment', async (t) => {
  let boards = [aDevice(states.ready), aDevice(states.ready), aDevice(states.pending)];
  const metrics = createMetrics({ traffic: async () => createTally().now(), boards: () => boards, apiRequests });
  const first = samplesOf(await metrics.text());
  t.is(first.get('bramble_boards{state="ready"}'), 2);
  t.is(first.get('bramble_boards{state="pending"}'), 1);
  boards = [aDevice(states.ready)];
  const second = samplesOf(await metrics.text());
  t.is(second.get('bramble_boards{state="ready"}'), 1);
  t.false(second.has('bramble_boards{state="pending"}'));
});

test('commits are timed; one that is refused, and one that writes nothing, are not', async (t) => {
  const metrics = createMetrics({ traffic: async () => createTally().now(), boards: () => [], apiRequests });
  const commit = metrics.timed(async (batch) => {
    if (batch.length > 1) throw new Error('the disk is full');
    return 7;
  });
  const write = { write: 'put-setting', key: 'k', value: 'v' } as const;
  t.is(await commit([write]), 7);
  await commit([]);
  await t.throwsAsync(commit([write, write]), { message: 'the disk is full' });
  const samples = samplesOf(await metrics.text());
  t.is(samples.get('bramble_store_commit_duration_seconds_count'), 1);
  t.is(samples.get('bramble_store_commit_duration_seconds_bucket{le="+Inf"}'), 1);
});
