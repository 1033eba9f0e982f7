// Everything is set as text, never as HTML: a board says what it likes.
export const element = (id) => document.getElementById(id);

/** An element with a text or with children. */
export function make(tag, { className, text, children = [], ...attributes } = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Only what is another text is written: a screen reader is told once. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export async function ask(path, options = {}) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(10000), ...options });
  const body = response.status === 204 ? undefined : await response.json();
  if (!response.ok) throw new Error(body?.message ?? `the daemon answered ${response.status}`);
  return body;
}
