import test from 'ava';
import fc from 'fast-check';
import { json } from '../../../daemon/http/answer.ts';
import { dispatch, get, type HttpRequest, matchPath, post } from '../../../daemon/http/router.ts';

const request = (method: string, path: string): Omit<HttpRequest, 'params'> => ({
  method,
  path,
  query: new URLSearchParams(),
  body: '',
  headers: {},
  client: { address: '192.168.1.201', port: 40000 },
});
const routes = [
  get('/v1/devices/:name', ({ params }) => json({ name: params.get('name') })),
  post('/v1/devices/:name/accept', () => json({})),
];

test('a parameter is one decoded part', (t) => {
  t.deepEqual(matchPath('/v1/devices/:name', '/v1/devices/worker%2Dkube1'), new Map([['name', 'worker-kube1']]));
  t.deepEqual(matchPath('/', '/'), new Map());
  for (const path of ['/v1/devices/', '/v1/devices/a/b', '/v1/devices', '/v1/devices/%zz', 'v1/devices/a']) {
    t.is(matchPath('/v1/devices/:name', path), undefined, path);
  }
});

test('no path makes it throw', (t) => {
  fc.assert(fc.property(fc.string(), (path) => [undefined, 'x'].includes(matchPath('/:a/:b', path) && 'x')));
  t.pass();
});

test('HEAD is answered as GET; another method is told what is allowed; another path is not found', async (t) => {
  t.like(await dispatch(routes, request('HEAD', '/v1/devices/a')), { status: 200 });
  t.like(await dispatch(routes, request('POST', '/v1/devices/a')), { status: 405, headers: { allow: 'GET, HEAD' } });
  t.like(await dispatch(routes, request('GET', '/v1/devices/a/accept')), { status: 405, headers: { allow: 'POST' } });
  t.like(await dispatch(routes, request('GET', '/../etc/passwd')), { status: 404 });
});
