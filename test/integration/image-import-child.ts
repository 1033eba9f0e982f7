/**
 * Imports images in a process of its own: `FOLDER KILL-AT FILE…`. Prints one line of JSON: a problem or base for each file,
 * and what the folder holds then. Kills itself once KILL-AT bytes are written; 0 is never.
 */
import { readdir } from 'node:fs/promises';
import { importBase } from '../../image-builder/index.ts';

const [directory = '', killAt = '0', ...files] = process.argv.slice(2);
const results: unknown[] = [];
for (const file of files) {
  const result = await importBase({
    file,
    directory,
    signal: new AbortController().signal,
    onProgress: ({ written }) => {
      if (killAt !== '0' && written >= Number(killAt)) process.kill(process.pid, 'SIGKILL');
    },
  });
  results.push(result.ok ? result.value.id : result.error);
}
process.stdout.write(`${JSON.stringify({ results, left: await readdir(directory) })}\n`);
