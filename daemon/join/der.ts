/**
 * A bounded reader for DER (ITU-T X.690), as much of it as a certificate request needs: low tag numbers, definite
 * lengths in their shortest form. It never throws and never reads past the end.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

export type DerValue = {
  /** The identifier byte, class and constructed bit included: 0x30 is SEQUENCE. */
  readonly tag: number;
  readonly contents: Uint8Array;
};
export type DerProblem = Problem<'DER_TRUNCATED' | 'DER_TAG' | 'DER_LENGTH' | 'DER_TRAILING' | 'DER_TOO_MANY'>;

/** Far more than any subject or attribute list has. */
const mostValues = 64;

/** One value that fills `bytes` to the last byte. */
export function readDer(bytes: Uint8Array): Result<DerValue, DerProblem> {
  const read = readValue(bytes, 0);
  if (!read.ok) return read;
  return read.value.end === bytes.length
    ? ok(read.value.value)
    : problem('DER_TRAILING', `${bytes.length - read.value.end} bytes after the value`, read.value.end);
}

/** The values that `bytes` consists of, one after the other: the inside of a SEQUENCE or SET. */
export function readDerValues(bytes: Uint8Array): Result<readonly DerValue[], DerProblem> {
  const values: DerValue[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    if (values.length === mostValues) return problem('DER_TOO_MANY', `more than ${mostValues} values`, offset);
    const read = readValue(bytes, offset);
    if (!read.ok) return read;
    values.push(read.value.value);
    offset = read.value.end;
  }
  return ok(values);
}

function readValue(bytes: Uint8Array, offset: number): Result<{ value: DerValue; end: number }, DerProblem> {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) return problem('DER_TRUNCATED', 'ends inside a header', offset);
  // X.690 8.1.2.4: tag numbers above 30 use more bytes; nothing here does.
  if ((tag & 0x1f) === 0x1f) return problem('DER_TAG', `tag 0x${tag.toString(16)}`, offset);
  const size = readLength(bytes, offset + 1, first);
  if (!size.ok) return size;
  const end = size.value.start + size.value.length;
  if (end > bytes.length) return problem('DER_TRUNCATED', `needs ${end - bytes.length} more bytes`, offset);
  return ok({ value: { tag, contents: bytes.subarray(size.value.start, end) }, end });
}

function readLength(
  bytes: Uint8Array,
  offset: number,
  first: number,
): Result<{ start: number; length: number }, DerProblem> {
  if (first < 0x80) return ok({ start: offset + 1, length: first });
  const count = first & 0x7f;
  // X.690 10.1: no indefinite form in DER. Three bytes are 16 MiB, more than anybody may send.
  if (count === 0 || count > 3) return problem('DER_LENGTH', `length byte 0x${first.toString(16)}`, offset);
  const digits = bytes.subarray(offset + 1, offset + 1 + count);
  if (digits.length < count) return problem('DER_TRUNCATED', 'ends inside a length', offset);
  const length = digits.reduce((number, byte) => number * 256 + byte, 0);
  const shortest = length >= 0x80 && digits[0] !== 0;
  return shortest
    ? ok({ start: offset + 1 + count, length })
    : problem('DER_LENGTH', 'not in its shortest form', offset);
}
