// Shows GET /v1/status, asked again with each event that comes and now and then besides.
import { showWorkloads } from './cluster.js';
import { addDeeds, listen, remember, signIn } from './deeds.js';
import { ask, element, make, write } from './elements.js';
import { showBoards } from './tiles.js';
import { eventText, masterText } from './words.js';

const eventsShown = 50;

/** Who else is on the boards' network. */
function list(id, title, hosts) {
  const names = hosts.map(({ name, hostname, address }) => [name ?? hostname, address].filter(Boolean).join(' '));
  element(id).hidden = names.length === 0;
  write(element(id), `${title}: ${names.join(', ')}`);
}

function show(status) {
  const { master, devices, generatedAt, version } = status;
  write(element('master'), masterText(master));
  const ready = devices.filter(({ state }) => state === 'ready').length;
  write(element('summary'), devices.length === 0 ? '' : `${ready} of ${devices.length} boards ready`);
  document.title = devices.length === 0 ? 'bramble' : `${ready}/${devices.length} bramble`;
  const advice = element('advice');
  if (advice.dataset.shown !== master.advice.join('\n')) {
    advice.dataset.shown = master.advice.join('\n');
    advice.replaceChildren(...master.advice.map((text) => make('li', { text })));
  }
  element('empty').hidden = devices.length > 0;
  remember(status);
  showBoards(status, addDeeds);
  list('strangers', 'Pis with a system of their own', status.strangers);
  list('guests', 'Guests', status.guests);
  write(element('updated'), `as of ${new Date(generatedAt).toLocaleTimeString()} · bramble ${version}`);
}

let timer;
let underWay = false;
async function refresh() {
  clearTimeout(timer);
  if (underWay) return;
  underWay = true;
  try {
    show(await ask('/v1/status'));
    showWorkloads(await ask('/v1/workloads'));
    document.body.classList.remove('stale');
  } catch (error) {
    document.body.classList.add('stale');
    write(element('updated'), `the daemon does not answer (${error.message}); trying again`);
  }
  underWay = false;
  timer = setTimeout(refresh, document.hidden ? 10000 : 2000);
}

/** The newest first. */
function showEvent(event) {
  const at = make('time', { text: new Date(event.at).toLocaleTimeString(), datetime: event.at });
  const events = element('events');
  events.prepend(make('li', { children: [at, make('span', { text: eventText(event) })] }));
  while (events.children.length > eventsShown) events.lastElementChild.remove();
}

async function follow() {
  let last = 0;
  const take = (event) => {
    if (event.id <= last) return;
    last = event.id;
    showEvent(event);
  };
  try {
    const { events } = await ask(`/v1/events?limit=${eventsShown}`);
    for (const event of events) take(event);
  } catch {
    // The stream brings what comes; it tries again by itself.
  }
  const stream = new EventSource('/v1/events/stream');
  stream.addEventListener('message', ({ data }) => {
    take(JSON.parse(data));
    clearTimeout(timer);
    timer = setTimeout(refresh, 200);
  });
}

listen();
void signIn().then(refresh);
void follow();
