import test from 'ava';
import fc from 'fast-check';
import { bootApi } from '../../../daemon/http/endpoints/boot.ts';
import { dispatch } from '../../../daemon/http/router.ts';

/** Knows no board and no base: what gets as far as this was read. */
const asked: string[] = [];
const routes = bootApi({
  report: async ({ mac }) => {
    asked.push(mac);
    return { action: 'stop', state: 'rejected', message: 'nobody' };
  },
  prove: () => 'f'.repeat(64),
  clusterId: 'c',
  openBase: async () => undefined,
  sectors: async () => undefined,
  progress: async () => false,
  installed: async () => false,
  failed: async () => false,
  wiped: async () => false,
  log: async () => false,
});

const word = fc.oneof(
  fc.constantFrom(
    'v1',
    'boot',
    'report',
    'base',
    'sectors',
    'progress',
    'installed',
    'failed',
    'wiped',
    'log',
    'hello',
    'index',
    'a'.repeat(64),
  ),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('%00', '%zz', '..', '%2e%2e', '\r\n', '\0'),
);
const field = fc.constantFrom(
  'mac',
  'serial',
  'model',
  'arming',
  'bytes',
  'sha256',
  'code',
  'detail',
  'disk',
  'card',
  'challenge',
  'verified',
  'how',
  'source',
);
const value = fc.oneof(
  fc.constantFrom(
    'dc:a6:32:01:02:03',
    'blank',
    'netboot',
    '8000000000',
    'sda|usb|8000000000|blank|C|D|A|B',
    '0123456789abcdef'.repeat(2),
    'VERIFY_FAILED',
    '%',
    '\0',
    '__proto__',
  ),
  fc.string(),
);

test('no request to the installer’s endpoints is an exception, and no answer has a second line of a client’s making', async (t) => {
  const path = fc.oneof(
    fc
      .constantFrom('report', 'hello', 'progress', 'installed', 'failed', 'wiped', 'log')
      .map((name) => `/v1/boot/${name}`),
    fc.array(word, { maxLength: 6 }).map((words) => `/${words.join('/')}`),
  );
  const body = fc.oneof(
    fc.string(),
    fc.array(fc.tuple(field, value), { maxLength: 8 }).map((fields) => new URLSearchParams(fields).toString()),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', ''), path, body, async (method, where, text) => {
      const client = { address: '10.77.0.66', port: 40_000 };
      const answer = await dispatch(routes, {
        method,
        path: where,
        query: new URLSearchParams(text),
        body: text,
        headers: {},
        client,
      });
      if (answer.kind !== 'content') return false;
      const shown = typeof answer.body === 'string' ? answer.body : '';
      return (
        answer.status < 500 &&
        (answer.type.includes('json') || !shown.slice(0, -1).includes('\n') || answer.status === 200)
      );
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
