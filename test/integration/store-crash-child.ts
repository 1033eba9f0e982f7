/** Commits for ever and tells each acknowledged revision; is killed by store-crash.test.ts. */
import { writeSync } from 'node:fs';
import { openStore } from '../../daemon/store/open.ts';
import { createLogDouble } from '../support/doubles.ts';
import { append, device, deviceId, put } from '../unit/store/samples.ts';

const store = await openStore({
  directory: String(process.argv[2]),
  log: createLogDouble(),
  signal: new AbortController().signal,
});

for (let round = store.revision(); ; round += 3) {
  const batches = [0, 1, 2].map((index) => {
    const number = round + index + 1;
    const revision = store.commit([
      { write: 'put-setting', key: `revision-${number}`, value: String(number) },
      put(device(number % 50)),
      append(deviceId(number % 50), { event: 'boot-file-served', file: 'x'.repeat(500) }, number),
    ]);
    // Written at once: what stands in a buffer when the process is killed would be no acknowledgement.
    return revision.then((acknowledged) => writeSync(1, `${acknowledged}\n`));
  });
  await Promise.all(batches);
}
