import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import type { StatusView } from '../../../daemon/http/wire.ts';
import { statusFake } from './views-fake.ts';

const folder = new URL('../../../daemon/http/page/', import.meta.url);

/** As much of an element as the page uses, and no way to set HTML. */
type ElementDouble = { textContent: string; hidden: boolean; children: readonly ElementDouble[] };
function elementDouble() {
  const made: ElementDouble & Record<string, unknown> = { textContent: '', hidden: false, children: [] };
  return Object.assign(made, {
    classList: { add() {}, remove() {} },
    insertRow: elementDouble,
    insertCell: elementDouble,
    replaceWith() {},
    setAttribute() {},
    append() {},
    replaceChildren: (...children: readonly ElementDouble[]) => {
      made.children = children;
    },
  });
}

/** Runs page.js on elements of those ids that index.html has, until it shows this status. */
async function shown(status: StatusView): Promise<ReadonlyMap<string, ElementDouble>> {
  const [html, script] = await Promise.all(
    ['index.html', 'page.js'].map((file) => readFile(new URL(file, folder), 'utf8')),
  );
  const elements = new Map(Array.from(html?.matchAll(/ id="(\w+)"/g) ?? [], ([, id]) => [id ?? '', elementDouble()]));
  const document = {
    getElementById: (id: string) => elements.get(id) ?? null,
    createElement: elementDouble,
    body: elementDouble(),
  };
  await new Promise<void>((resolve) => {
    runInNewContext(script ?? '', {
      document,
      fetch: async () => ({ ok: true, json: async () => JSON.parse(JSON.stringify(status)) }),
      AbortSignal,
      setTimeout: () => resolve(),
    });
  });
  return elements;
}

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
