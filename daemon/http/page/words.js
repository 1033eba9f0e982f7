// What the page says of boards, in words. Nothing here touches the page.
const well = new Set(['ready']);
const quiet = new Set(['rejected', 'left', 'replaced', 'stopped']);

/** 0: somebody has to do something. 1: under way. 2: well. 3: of no concern. */
export function rank({ state, deed }) {
  if (deed !== null) return 0;
  if (well.has(state)) return 2;
  return quiet.has(state) ? 3 : 1;
}
export const kinds = ['sick', 'busy', 'well', 'quiet'];

export const inOrder = (devices) =>
  [...devices].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true }));

export function age(since, now) {
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

const gone = ['rejected', 'left', 'replaced'];
const undecided = ['reported', 'pending', 'held'];
const installed = ['ready', 'unreachable', 'waiting-for-proof', 'local-boot-failed', 'failed', 'stopped'];

/** Whose turn a deed is; the daemon has the last word. */
export function deedsOf({ state, adoptable }) {
  if (gone.includes(state)) return [];
  return [
    ...(state === 'pending' || adoptable ? ['accept'] : []),
    'locate',
    ...(installed.includes(state) ? ['reinstall', 'replace'] : []),
    ...(state === 'ready' ? ['shutdown'] : []),
  ];
}

export const heirsOf = (devices, { id }) => devices.filter((one) => one.id !== id && undecided.includes(one.state));

/** Somebody opened it with `bramble open`. */
const openText = (open) => (open ? `, open for ${open.boards} (${Math.ceil(open.secondsLeft / 60)} min)` : '');

export function masterText({ hostname, address, interface: port, dhcpMode, admission, open, cluster }) {
  const where = address ? `${address} on ${port}` : 'no usable interface';
  const reached = cluster.reachable ? 'reachable' : `not reachable: ${cluster.detail}`;
  return `${hostname} · ${where} · dhcp ${dhcpMode} · admission ${admission}${openText(open)} · ${cluster.driver} ${reached}`;
}

export const eventText = ({ device, from, to, event, reason }) =>
  `${device === '' ? '' : `${device}: `}${from === to || to === '' ? event : to}${reason === '' ? '' : ` – ${reason}`}`;
