import test from 'ava';
import fc from 'fast-check';
import { readDer, readDerValues } from '../../../daemon/join/der.ts';
import { readCertificateRequest, readPkcs10 } from '../../../daemon/join/pkcs10.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

for (const [what, hex, code] of [
  ['nothing', '', 'DER_TRUNCATED'],
  ['half a header', '30', 'DER_TRUNCATED'],
  ['contents cut', '3003020100'.slice(0, 8), 'DER_TRUNCATED'],
  ['a length cut', '3082', 'DER_TRUNCATED'],
  ['a high tag number', '1f8100', 'DER_TAG'],
  ['the indefinite length', '30800000', 'DER_LENGTH'],
  ['a length of four bytes', '308400000001ff', 'DER_LENGTH'],
  ['a long form where the short one does', '308103020100', 'DER_LENGTH'],
  ['a leading zero in the length', '30820080', 'DER_LENGTH'],
  ['a byte too many', '0500ff', 'DER_TRAILING'],
] as const) {
  test(`refused: ${what}`, (t) => {
    const read = readDer(bytes(hex));
    t.is(read.ok ? 'read' : read.error.code, code);
  });
}

test('a long list is refused', (t) => {
  const read = readDerValues(Buffer.alloc(2 * 100, bytes('0500')));
  t.is(read.ok ? 'read' : read.error.code, 'DER_TOO_MANY');
});

test('no bytes make the readers throw', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
      t.is(typeof readDer(input).ok, 'boolean');
      t.is(typeof readPkcs10(input).ok, 'boolean');
      t.is(typeof readCertificateRequest(Buffer.from(input).toString('base64')).ok, 'boolean');
    }),
  );
});
