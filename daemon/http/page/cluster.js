// What runs where, and where it is reached.
import { element, make } from './elements.js';

let shown = '';

export function showWorkloads(view) {
  const text = JSON.stringify(view);
  if (text === shown) return;
  shown = text;
  const { spread, services } = view;
  element('spread').hidden = spread.length === 0;
  element('services').hidden = services.length === 0;
  element('spread-table').replaceChildren(spreadTable(spread));
  element('services-list').replaceChildren(...services.map(serviceItem));
}

function spreadTable(spread) {
  const nodes = [...new Set(spread.flatMap((one) => Object.keys(one.nodes)))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  const heads = ['Application', 'Ready', ...nodes].map((text) => make('th', { text, scope: 'col' }));
  const rows = spread.map(({ title, ready, wanted, nodes: counts }) =>
    make('tr', {
      children: [
        make('th', { text: title, scope: 'row' }),
        make('td', { text: `${ready} of ${wanted}`, className: ready < wanted ? 'short' : '' }),
        ...nodes.map((node) => countCell(counts[node] ?? 0)),
      ],
    }),
  );
  const head = make('thead', { children: [make('tr', { children: heads })] });
  return make('table', { children: [head, make('tbody', { children: rows })] });
}

/** A square for each, and the number for whoever does not see squares, or has too many of them. */
function countCell(count) {
  const squares = Array.from({ length: Math.min(count, 8) }, () => make('i'));
  const chart = make('span', { className: 'squares', 'aria-hidden': 'true', children: squares });
  return make('td', { children: [chart, make('span', { className: 'count', text: String(count) })] });
}

function serviceItem({ name, type, ports }) {
  const links = ports.flatMap((port) => port.links.filter((url) => /^https?:\/\//.test(url)));
  const where = links.map((url) => make('a', { text: url, href: url, rel: 'noreferrer' }));
  const inside = ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ');
  return make('li', {
    children: [
      make('strong', { text: name }),
      make('span', { className: 'facts', text: ` ${type} ${inside}` }),
      ...(where.length > 0 ? [make('p', { className: 'links', children: where })] : []),
    ],
  });
}
