import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { build } from 'esbuild';
import type { StatusView } from '../../../daemon/http/wire.ts';
import { deviceFake, statusFake } from './views-fake.ts';

const folder = new URL('../../../daemon/http/page/', import.meta.url);

/** As much of an element as the page uses, and no way to set HTML. */
type ElementDouble = { textContent: string; hidden: boolean; children: readonly ElementDouble[] };
function elementDouble() {
  const made: ElementDouble & Record<string, unknown> = { textContent: '', hidden: false, children: [] };
  const put = (...children: readonly ElementDouble[]): void => {
    made.children = [...made.children, ...children];
  };
  return Object.assign(made, {
    classList: { add() {}, remove() {} },
    dataset: {},
    addEventListener() {},
    setAttribute() {},
    remove() {},
    append: put,
    prepend: put,
    insertBefore: (child: ElementDouble) => put(child),
    replaceChildren: (...children: readonly ElementDouble[]) => {
      made.children = children;
    },
  });
}

type Answers = Readonly<Record<string, unknown>>;

/** Runs the page's scripts on elements of those ids that index.html has, until it shows this status. */
async function shown(status: StatusView, answers: Answers = {}): Promise<ReadonlyMap<string, ElementDouble>> {
  const html = await readFile(new URL('index.html', folder), 'utf8');
  const entryPoints = [fileURLToPath(new URL('page.js', folder))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: 'iife' });
  const elements = new Map(Array.from(html.matchAll(/ id="([\w-]+)"/g), ([, id]) => [id ?? '', elementDouble()]));
  const document = {
    getElementById: (id: string) => elements.get(id) ?? null,
    createElement: elementDouble,
    body: elementDouble(),
  };
  const known: Answers = {
    '/v1/status': status,
    '/v1/workloads': { known: false, spread: [], services: [] },
    '/v1/session': { session: null },
    '/v1/events?limit=50': { events: [] },
    ...answers,
  };
  await new Promise<void>((resolve) => {
    runInNewContext(outputFiles[0]?.text ?? '', {
      ...{ document, AbortSignal, URL, window: elementDouble(), location: { hash: '', pathname: '/' } },
      EventSource: function eventSourceDouble() {
        return elementDouble();
      },
      fetch: async (path: string) => ({
        ok: true,
        status: 200,
        json: async () => JSON.parse(JSON.stringify(known[path])),
      }),
      setTimeout: () => resolve(),
      clearTimeout() {},
    });
  });
  return elements;
}

const textsIn = ({ textContent, children }: ElementDouble): readonly string[] => [
  ...(textContent === '' ? [] : [textContent]),
  ...children.flatMap(textsIn),
];

test('the page shows every advice, guests and Pis that are not ours, as text', async (t) => {
  const advice = ['plug it in', '<b>write</b> interface: eth0'];
  const page = await shown({
    ...statusFake([], { advice }),
    strangers: [{ name: 'black-pearl', address: '192.168.1.60', mac: 'b8:27:eb:00:00:01' }],
    guests: [
      { address: '192.168.1.101', mac: null, hostname: '<img src=x>' },
      { address: '192.168.1.102', mac: null, hostname: null },
    ],
  });
  t.regex(page.get('updated')?.textContent ?? '', /^as of /, 'it did not fail on the way');
  t.deepEqual(
    page.get('advice')?.children.map(({ textContent }) => textContent),
    advice,
  );
  t.like(page.get('strangers'), {
    hidden: false,
    textContent: 'Pis with a system of their own: black-pearl 192.168.1.60',
  });
  t.like(page.get('guests'), {
    hidden: false,
    textContent: 'Guests: <img src=x> 192.168.1.101, 192.168.1.102',
  });
});

test('the page says nothing of others where there are none', async (t) => {
  const page = await shown(statusFake([]));
  t.regex(page.get('updated')?.textContent ?? '', /^as of /);
  for (const id of ['strangers', 'guests']) t.true(page.get(id)?.hidden, id);
});

test('a tile for each board, sick ones first; replicas by Node, and links to services', async (t) => {
  const boards = [
    deviceFake('worker-kube1'),
    deviceFake('worker-kube2', { state: 'installing', progress: 0.4 }),
    deviceFake('worker-kube3', { state: 'failed', deed: '<img src=x onerror=alert(1)>' }),
  ];
  const page = await shown(statusFake(boards), {
    '/v1/workloads': {
      known: true,
      spread: [{ title: 'Deployment default/web', wanted: 3, ready: 2, nodes: { 'worker-kube1': 2 } }],
      services: [
        {
          ...{ name: 'default/web', type: 'NodePort' },
          ports: [
            { name: '', protocol: 'TCP', port: 80, links: ['http://192.168.1.201:30080/', 'javascript:alert(1)'] },
          ],
        },
      ],
    },
  });
  const tiles = (page.get('boards')?.children ?? []).map(textsIn);
  t.deepEqual(
    tiles.map(([name]) => name),
    ['worker-kube3', 'worker-kube2', 'worker-kube1'],
  );
  t.true(tiles[0]?.includes('<img src=x onerror=alert(1)>'));
  t.false(tiles.flat().includes('Reinstall'), 'nobody signed in');
  t.deepEqual((page.get('spread-table')?.children ?? []).flatMap(textsIn), [
    ...['Application', 'Ready', 'worker-kube1'],
    ...['Deployment default/web', '2 of 3', '2'],
  ]);
  t.deepEqual((page.get('services-list')?.children ?? []).flatMap(textsIn), [
    ...['default/web', ' NodePort 80/TCP', 'http://192.168.1.201:30080/'],
  ]);
});

test('who is signed in may do what fits the state of a board', async (t) => {
  const boards = [deviceFake('worker-kube1'), deviceFake('worker-kube2', { state: 'pending' })];
  const session = { by: 'anna', csrf: 'token', secondsLeft: 100 };
  const page = await shown(statusFake(boards), { '/v1/session': { session } });
  const [pending = [], ready = []] = (page.get('boards')?.children ?? []).map(textsIn);
  t.deepEqual(pending.slice(-2), ['Accept', 'Locate']);
  t.deepEqual(ready.slice(-4), ['Locate', 'Reinstall', 'Replace', 'Shut down']);
  t.deepEqual(textsIn(page.get('session') ?? elementDouble()), ['Signed in as anna ', 'Sign out']);
});
