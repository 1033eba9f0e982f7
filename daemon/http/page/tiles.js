// A tile for each board. Tiles stay the same elements while their board is there, so that the focus stays where it is.
import { ask, element, make, write } from './elements.js';
import { age, inOrder, kinds, rank } from './words.js';

const tiles = new Map();

function makeTile(device, addDeeds) {
  const title = make('h3');
  const state = make('p', { className: 'state' });
  const bar = make('progress', { max: '1' });
  const facts = make('p', { className: 'facts' });
  const why = make('p', { className: 'why' });
  const deed = make('p', { className: 'deed' });
  const steps = make('ol', { className: 'steps' });
  const summary = make('summary', { text: 'Boot timeline' });
  const details = make('details', { children: [summary, steps] });
  const buttons = make('p', { className: 'buttons' });
  const children = [title, state, bar, facts, why, deed, details, buttons];
  const tile = {
    item: make('li', { children }),
    title,
    state,
    bar,
    facts,
    why,
    deed,
    details,
    steps,
    summary,
    buttons,
  };
  details.addEventListener('toggle', () => void showSteps(tile));
  tile.renewButtons = addDeeds(buttons);
  tiles.set(device.id, tile);
  return tile;
}

function fill(tile, device, now) {
  const { name, model, address, state, since, why, deed, progress } = device;
  const { title, bar, summary, item } = tile;
  tile.name = name;
  item.className = `tile ${kinds[rank(device)]}`;
  write(title, name);
  write(tile.state, `${state} for ${age(since, now)}`);
  write(tile.facts, [model ?? 'model not known yet', address ?? 'no address yet'].join(' · '));
  write(tile.why, why);
  write(tile.deed, deed ?? '');
  summary.setAttribute('aria-label', `Boot timeline of ${name}`);
  bar.hidden = progress === null;
  bar.setAttribute('aria-label', `installed of ${name}`);
  if (progress !== null) bar.value = progress;
  tile.renewButtons(device);
}

/** Of an open tile. */
async function showSteps({ details, steps, name }) {
  if (!details.open) return;
  try {
    const { timeline, diagnosis } = await ask(`/v1/devices/${encodeURIComponent(name)}/describe`);
    const entries = timeline.map(({ seconds, what }) => [`${seconds.toFixed(1)} s`, what]);
    const cause = diagnosis
      ? [
          ['', diagnosis.sentence],
          ['', diagnosis.deed],
        ]
      : [];
    const lines = [...entries, ...cause].filter(([, what]) => what !== '');
    const shown = lines.map((line) => line.join(' ')).join('\n');
    if (steps.dataset.shown === shown) return;
    steps.dataset.shown = shown;
    steps.replaceChildren(
      ...lines.map(([at, what]) =>
        make('li', { children: [make('span', { className: 'at', text: at }), make('span', { text: what })] }),
      ),
    );
  } catch (error) {
    steps.replaceChildren(make('li', { text: error.message }));
  }
}

/** `addDeeds` puts what may be done into a place for it, and gives the function that keeps it up to date. */
export function showBoards({ devices, generatedAt }, addDeeds) {
  const order = inOrder(devices);
  for (const [id, { item }] of tiles) {
    if (devices.some((device) => device.id === id)) continue;
    item.remove();
    tiles.delete(id);
  }
  const list = element('boards');
  for (const [index, device] of order.entries()) {
    const tile = tiles.get(device.id) ?? makeTile(device, addDeeds);
    fill(tile, device, generatedAt);
    // Moving an element takes its focus: only what stands elsewhere is moved.
    if (list.children[index] !== tile.item) list.insertBefore(tile.item, list.children[index] ?? null);
    void showSteps(tile);
  }
}
