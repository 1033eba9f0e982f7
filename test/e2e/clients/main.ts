/** Writes the golden files anew: `sudo node test/e2e/clients/main.ts [CLIENT…]`. Then look at what git shows. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withSite } from './recording.ts';
import { recordings } from './recordings.ts';

const folder = fileURLToPath(new URL('../../vectors/golden', import.meta.url));
const wanted = process.argv.slice(2);

await mkdir(folder, { recursive: true });
for (const { client, record } of recordings) {
  if (wanted.length > 0 && !wanted.includes(client)) continue;
  for (const { protocol, text } of await withSite(record)) {
    await writeFile(join(folder, `${protocol}-${client}.txt`), text);
    process.stdout.write(`${protocol}-${client}.txt\n`);
  }
}
