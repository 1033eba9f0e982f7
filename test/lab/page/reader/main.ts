/**
 * Somebody who reads the page: asks for it every 100 ms, each time over a connection of its own, and writes down how it went, one
 * JSON object a line. `main.ts URL`; ends when its standard output does.
 */
import { get } from 'node:http';
import type { Fetch } from '../fetches.ts';

const everyMs = 100;
const timeoutMs = 1000;
const [url = ''] = process.argv.slice(2);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

function fetchOnce(): void {
  const at = now();
  let told = false;
  const tell = (ok: boolean, said: string): void => {
    if (told) return;
    told = true;
    process.stdout.write(`${JSON.stringify({ at, end: now(), ok, said } satisfies Fetch)}\n`);
  };
  const request = get(url, { agent: false, headers: { connection: 'close' } }, (response) => {
    let page = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      page += text;
    });
    response.once('end', () => tell(response.statusCode === 200, page.trim()));
  });
  request.once('error', (error) => tell(false, error.message));
  // Of the whole: a timeout of the socket would begin anew with each byte.
  const timer = setTimeout(() => request.destroy(new Error('timed out')), timeoutMs);
  request.once('close', () => clearTimeout(timer));
}

process.stdout.on('error', () => process.exit(0));
setInterval(fetchOnce, everyMs);
