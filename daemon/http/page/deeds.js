// Signing in by a link, and what may be done then. Whoever is not signed in sees no button.
import { ask, element, make, write } from './elements.js';
import { deedsOf, heirsOf } from './words.js';

const words = {
  accept: {
    label: 'Accept',
    question: 'Accept',
    consequence: 'Its disk is written: what is on it is lost.',
    does: 'Accept',
  },
  locate: { label: 'Locate' },
  reinstall: {
    ...{ label: 'Reinstall', question: 'Reinstall', does: 'Reinstall' },
    consequence: 'Its system is written anew: everything on its disk is lost.',
  },
  replace: {
    ...{ label: 'Replace', question: 'Replace', does: 'Replace' },
    consequence: 'A new board takes its name and its address; this one is out.',
  },
  shutdown: {
    ...{ label: 'Shut down', question: 'Shut down', does: 'Shut down' },
    consequence: 'What runs on it moves to other boards, then it is switched off.',
  },
};

let session = null;
let status = { devices: [] };
/** What the open question is about. */
let pending;

export const remember = (now) => {
  status = now;
};
const post = (path, body) =>
  ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-bramble-csrf': session?.csrf ?? '' },
    body: JSON.stringify(body),
  });
const say = (text) => write(element('said'), text);

/** The code stands after the # and is taken away before anything else: it is not for the history. */
export async function signIn() {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
  if (code !== undefined) history.replaceState(null, '', location.pathname);
  try {
    ({ session } = code === undefined ? await ask('/v1/session') : await post('/v1/session', { code }));
    say('');
  } catch (error) {
    // Read under another name than the master's own: then there is no signing in, and reading goes on.
    if (code !== undefined) say(error.message);
  }
  showSession();
}

function showSession() {
  const place = element('session');
  if (session === null) {
    place.replaceChildren(make('span', { text: 'Reading only; bramble login on the master prints a link for more.' }));
    return;
  }
  const out = make('button', { text: 'Sign out', type: 'button' });
  out.addEventListener('click', () => void signOut());
  place.replaceChildren(make('span', { text: `Signed in as ${session.by} ` }), out);
}

async function signOut() {
  await post('/v1/session/end', {}).catch((error) => say(error.message));
  session = null;
  showSession();
}

/** Buttons of one tile; they are made anew only when others are needed. */
export function addDeeds(place) {
  let shown = '';
  let now;
  return (device) => {
    now = device;
    const wanted = session === null ? [] : deedsOf(device);
    const key = [device.name, ...wanted].join(' ');
    if (key === shown) return;
    shown = key;
    place.replaceChildren(
      ...wanted.map((deed) => {
        const { label } = words[deed];
        const button = make('button', { text: label, type: 'button', 'aria-label': `${label} ${device.name}` });
        button.addEventListener('click', () => begin(deed, now));
        return button;
      }),
    );
  };
}

function begin(deed, device) {
  if (deed === 'locate') {
    void carryOut(deed, device);
    return;
  }
  const { question, consequence, does } = words[deed];
  const heirs = deed === 'replace' ? heirsOf(status.devices, device) : [];
  const isStuck = deed === 'replace' && heirs.length === 0;
  pending = { deed, device };
  write(element('question'), `${question} ${device.name}?`);
  const keeps = deed === 'accept' && device.adoptable ? 'It is taken in with the system that it runs.' : consequence;
  write(element('consequence'), isStuck ? 'No new board waits to take its place: plug one in first.' : keeps);
  element('choice').hidden = deed !== 'replace' || isStuck;
  element('heir').replaceChildren(...heirs.map(({ name }) => make('option', { text: name, value: name })));
  write(element('yes'), does);
  element('yes').disabled = isStuck;
  element('ask').showModal();
}

export function listen() {
  element('no').addEventListener('click', () => element('ask').close());
  element('yes').addEventListener('click', () => {
    element('ask').close();
    if (pending !== undefined) void carryOut(pending.deed, pending.device, element('heir').value);
    pending = undefined;
  });
  window.addEventListener('hashchange', () => void signIn());
}

async function carryOut(deed, { name }, heir) {
  const { label } = words[deed];
  try {
    if (deed === 'shutdown') await post('/v1/power/shutdown', { boards: [name] });
    else await post(`/v1/devices/${encodeURIComponent(name)}/${deed}`, deed === 'replace' ? { with: heir } : {});
    say(deed === 'locate' ? `${name}: its light blinks` : `${label}: ${name}: asked for`);
  } catch (error) {
    say(error.message);
  }
}
