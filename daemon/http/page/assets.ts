/** The status page: the files that stand beside this one, read once. */
import { readFile } from 'node:fs/promises';
import type { Answer } from '../answer.ts';
import { get, type Route } from '../router.ts';

const scripts = ['page', 'tiles', 'cluster', 'deeds', 'elements', 'words'] as const;
const assets = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/page/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  ...scripts.map((name) => ({
    ...{ path: `/page/${name}.js`, file: `${name}.js` },
    type: 'text/javascript; charset=utf-8',
  })),
];

/** Only what the page itself consists of: a text that slips in as HTML can load and run nothing. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * `GET /`, `/page/page.css`, `/page/page.js` and what that imports. `folder` is where they are (the bundle has them elsewhere).
 * Rejects if one of them cannot be read: that is a broken installation.
 */
export async function pageRoutes(folder = new URL('./', import.meta.url)): Promise<readonly Route[]> {
  return await Promise.all(
    assets.map(async ({ path, file, type }) => {
      const body = await readFile(new URL(file, folder));
      const answer: Answer = {
        kind: 'content',
        status: 200,
        type,
        body,
        headers: { 'content-security-policy': policy, 'referrer-policy': 'no-referrer' },
      };
      return get(path, () => answer);
    }),
  );
}
