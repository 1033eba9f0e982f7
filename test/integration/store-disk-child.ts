/** Runs on a disk of one megabyte (store-disk.test.ts): fills it, makes room again; tells what happened as JSON. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from '../../daemon/store/error.ts';
import { openStore } from '../../daemon/store/open.ts';
import { createLogDouble } from '../support/doubles.ts';

const directory = String(process.argv[2]);
const options = { directory, log: createLogDouble(), signal: new AbortController().signal };
const codeOf = (error: unknown): string => (error instanceof StoreError ? error.code : String(error));

const store = await openStore(options);
await store.commit([{ write: 'put-setting', key: 'kept', value: 'yes' }]);

// A part of the disk that something else takes up, and gives back later.
writeFileSync(join(directory, 'ballast'), Buffer.alloc(300_000));
let [full, acknowledged] = ['', 0];
for (let number = 0; full === '' && number < 1000; number++) {
  const write = { write: 'put-setting', key: `n${number}`, value: 'x'.repeat(20_000) } as const;
  await store.commit([write]).then(
    () => acknowledged++,
    (error: unknown) => {
      full = codeOf(error);
    },
  );
}
const whileFull = store.snapshot().settings.size - 1;
rmSync(join(directory, 'ballast'));
const after = await store.commit([{ write: 'put-setting', key: 'kept', value: 'still' }]).catch(codeOf);
const integrity = store.integrity();
await store.close();

const again = await openStore(options);
const { settings } = again.snapshot();
await again.close();
const result = { full, acknowledged, whileFull, after: typeof after, integrity, kept: settings.get('kept') };
process.stdout.write(JSON.stringify({ ...result, files: readdirSync(directory), settings: settings.size - 1 }));
