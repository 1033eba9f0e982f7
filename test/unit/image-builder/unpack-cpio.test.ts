import test from 'ava';
import fc from 'fast-check';
import { cpioArchive } from '../../../image-builder/cpio.ts';
import { ImageError } from '../../../image-builder/errors.ts';
import { type Archives, readArchives } from '../../../image-builder/unpack-cpio.ts';

const code = (work: () => Archives): string => {
  try {
    work();
    return 'ok';
  } catch (error) {
    if (error instanceof ImageError) return error.code;
    throw error;
  }
};

const file = (path: string, content: string) => ({ path, mode: 0o644, bytes: Buffer.from(content) });

test('law: what was written is read, archive behind archive', (t) => {
  const path = fc.stringMatching(/^[a-z0-9][a-z0-9/._-]{0,30}$/);
  const files = fc.array(fc.record({ path, mode: fc.integer({ min: 0, max: 0o777 }), bytes: fc.uint8Array() }));
  fc.assert(
    fc.property(files, files, fc.nat(9), (first, second, padding) => {
      // The kernel wants what is not compressed at a multiple of four.
      const zeros = Buffer.alloc(padding * 4);
      const read = readArchives(Buffer.concat([cpioArchive(first), zeros, cpioArchive(second), zeros]));
      const written = [...first, ...second].map((one) => ({ ...one, mode: one.mode | 0o100000 }));
      t.deepEqual(
        read.files.map(({ bytes, ...rest }) => ({ ...rest, bytes: Uint8Array.from(bytes) })),
        written.map(({ bytes, ...rest }) => ({ ...rest, bytes: Uint8Array.from(bytes) })),
      );
    }),
  );
});

test('what is no archive begins where it is told to', (t) => {
  const archive = cpioArchive([file('a', 'one')]);
  const both = Buffer.concat([archive, Buffer.from([0x1f, 0x8b, 8])]);
  t.is(readArchives(both).end, archive.length);
  t.is(readArchives(archive).end, archive.length);
  t.deepEqual(readArchives(Buffer.alloc(0)), { files: [], end: 0 });
  t.is(readArchives(Buffer.from('not one')).end, 0);
});

const archive = Buffer.from(cpioArchive([file('name', 'content of a file')]));
const changed = (at: number, text: string): Buffer => {
  const copy = Buffer.from(archive);
  copy.write(text, at, 'latin1');
  return copy;
};
const damaged: readonly (readonly [name: string, bytes: Buffer, code: string])[] = [
  ['a size beyond the end', changed(6 + 6 * 8, 'ffffffff'), 'INITRAMFS_TRUNCATED'],
  ['a name without a byte', changed(6 + 11 * 8, '00000000'), 'INITRAMFS_FORMAT'],
  ['a name without an end', changed(6 + 11 * 8, '7fffffff'), 'INITRAMFS_FORMAT'],
  ['digits that are none', changed(6 + 8, '0x000001'), 'INITRAMFS_FORMAT'],
  ['no header behind a file', changed(136, 'XXXXXX'), 'INITRAMFS_FORMAT'],
  ['no trailer', archive.subarray(0, 136), 'INITRAMFS_FORMAT'],
  ['cut within a header', archive.subarray(0, 60), 'INITRAMFS_FORMAT'],
  ['cut within a file', archive.subarray(0, 125), 'INITRAMFS_TRUNCATED'],
];
for (const [name, bytes, expected] of damaged) {
  test(`${name}: ${expected}`, (t) => {
    t.is(
      code(() => readArchives(bytes)),
      expected,
    );
  });
}

test('hostile: any change of an archive is read or refused', (t) => {
  const change = fc.record({ at: fc.nat(archive.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(archive.length), (changes, length) => {
      const copy = Buffer.from(archive);
      for (const { at, to } of changes) copy[at] = to;
      t.true(
        ['ok', 'INITRAMFS_FORMAT', 'INITRAMFS_TRUNCATED'].includes(code(() => readArchives(copy.subarray(0, length)))),
      );
    }),
    { numRuns: 2000 },
  );
});
