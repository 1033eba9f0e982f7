/** Downloads with any byte changed: a Result each time, and never another image than the one that was published. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { importBase } from '../../image-builder/index.ts';
import { makeSmallImage } from '../support/images.ts';

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);

/** Its archives are some kilobytes: a change hits what steers the unpacking. */
const files = { 'kernel8.img': 'a kernel', 'start4.elf': 'firmware', 'user-data': '', 'meta-data': '' };

for (const [packing, program, args] of [
  ['zip', 'zip', ['-q', '-j', '-']],
  ['xz', 'xz', ['-c']],
  ['gzip', 'gzip', ['-c']],
  ['zstd', 'zstd', ['-q', '-c']],
] as const) {
  test(`${packing} with any byte changed`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'bramble-hostile-'));
    t.teardown(async () => await rm(directory, { recursive: true, force: true }));
    const image = join(directory, 'small.img');
    await makeSmallImage({ file: image, files });
    const sha256 = createHash('sha256')
      .update(await readFile(image))
      .digest('hex');
    const options = { encoding: 'buffer', maxBuffer: 2 ** 25 } as const;
    const { stdout: whole } = await run(program, [...args, image], options);
    const file = join(directory, 'download');
    const bases = join(directory, 'bases');
    // Headers and trailers are more interesting than what is between them.
    const place = fc.oneof(
      fc.nat(200),
      fc.nat(whole.length - 1),
      fc.nat(200).map((back) => whole.length - 1 - back),
    );
    const property = fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ flip;
      await writeFile(file, changed);
      const result = await importBase({ file, directory: bases, signal });
      if (result.ok) {
        await result.value.close();
        t.is(result.value.sha256, sha256, `byte ${at}`);
        await rm(bases, { recursive: true });
      } else {
        t.regex(result.error.code, /^(BASE|PARTITION|FAT)_/, `byte ${at}: ${result.error.detail}`);
        t.deepEqual(await readdir(bases).catch(() => []), [], `byte ${at}`);
      }
    });
    await fc.assert(property, { numRuns: 25 });
  });
}
