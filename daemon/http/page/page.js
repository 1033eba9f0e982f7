// Shows GET /v1/status, asked every two seconds. Everything is set as text, never as HTML: a board says what it likes.
const well = new Set(['ready']);
const quiet = new Set(['rejected', 'left', 'replaced']);
const element = (id) => document.getElementById(id);

function rank({ state, deed }) {
  if (deed !== null) return 0;
  if (well.has(state)) return 2;
  return quiet.has(state) ? 3 : 1;
}

function age(since, now) {
  const total = Math.max(0, Math.floor((Date.parse(now) - Date.parse(since)) / 1000));
  const parts = [
    ['d', Math.floor(total / 86400)],
    ['h', Math.floor(total / 3600) % 24],
    ['m', Math.floor(total / 60) % 60],
    ['s', total % 60],
  ];
  const first = parts.findIndex(([, count]) => count > 0);
  return first < 0
    ? '0s'
    : parts
        .slice(first, first + 2)
        .map(([unit, count]) => `${count}${unit}`)
        .join('');
}

function cell(row, text, kind) {
  const td = row.insertCell();
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

/** Who else is on the boards' network. */
function list(id, title, hosts) {
  const names = hosts.map(({ name, hostname, address }) => [name ?? hostname, address].filter(Boolean).join(' '));
  element(id).hidden = names.length === 0;
  element(id).textContent = `${title}: ${names.join(', ')}`;
}

/** Somebody opened it with `bramble open`. */
const openText = (open) => (open ? `, open for ${open.boards} (${Math.ceil(open.secondsLeft / 60)} min)` : '');

function show(status) {
  const { master, devices } = status;
  const where = master.address ? `${master.address} on ${master.interface}` : 'no usable interface';
  element('master').textContent =
    `${master.hostname} · ${where} · dhcp ${master.dhcpMode} · admission ${master.admission}${openText(master.open)} · ` +
    `${master.cluster.driver} ${master.cluster.reachable ? 'reachable' : `not reachable: ${master.cluster.detail}`}`;
  const ready = devices.filter(({ state }) => well.has(state)).length;
  element('summary').textContent = devices.length === 0 ? '' : `${ready} of ${devices.length} boards ready`;
  document.title = devices.length === 0 ? 'bramble' : `${ready}/${devices.length} bramble`;
  element('advice').replaceChildren(
    ...master.advice.map((line) => Object.assign(document.createElement('li'), { textContent: line })),
  );
  element('empty').hidden = devices.length > 0;
  const order = [...devices].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }));
  const body = document.createElement('tbody');
  body.id = 'boards';
  for (const device of order) {
    const row = body.insertRow();
    cell(row, device.name);
    cell(row, device.model ?? '–');
    cell(row, device.address ?? '–');
    const state = cell(row, device.state, ['sick', 'busy', 'well', ''][rank(device)]);
    if (device.progress !== null) {
      const bar = Object.assign(document.createElement('progress'), { max: 1, value: device.progress });
      bar.setAttribute('aria-label', `installed of ${device.name}`);
      state.append(bar);
    }
    cell(row, age(device.since, status.generatedAt));
    cell(row, device.why);
  }
  element('boards').replaceWith(body);
  list('strangers', 'Pis with a system of their own', status.strangers);
  list('guests', 'Guests', status.guests);
  element('updated').textContent =
    `as of ${new Date(status.generatedAt).toLocaleTimeString()} · bramble ${status.version}`;
}

async function refresh() {
  try {
    const response = await fetch('/v1/status', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`the daemon answered ${response.status}`);
    show(await response.json());
    document.body.classList.remove('stale');
  } catch (error) {
    document.body.classList.add('stale');
    element('updated').textContent = `the daemon does not answer (${error.message}); trying again`;
  }
  setTimeout(refresh, document.hidden ? 10000 : 2000);
}
void refresh();
