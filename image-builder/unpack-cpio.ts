/**
 * Reads cpio archives of the form "newc", one after the other as in an initramfs (Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst). Pure.
 */
import { ImageError } from './errors.ts';

export type CpioFile = {
  readonly path: string;
  /** With the type, as in stat(2). */
  readonly mode: number;
  /** A view of the archive. */
  readonly bytes: Uint8Array;
};

export type Archives = {
  readonly files: readonly CpioFile[];
  /** Where something else than zeros begins, or the end. */
  readonly end: number;
};

const HEADER = 110;
/** With and without a checksum of each file, which nobody writes and the kernel does not look at. */
const MAGIC = /^07070[12]$/;
const TRAILER = 'TRAILER!!!';
/** PATH_MAX of Linux. */
const NAME_MAX = 4096;

/** Throws INITRAMFS_TRUNCATED or INITRAMFS_FORMAT. */
export function readArchives(bytes: Uint8Array): Archives {
  const files: CpioFile[] = [];
  let end = 0;
  for (;;) {
    let start = end;
    while (bytes[start] === 0) start += 1;
    if (!MAGIC.test(text(bytes, start, 6))) return { files, end: start };
    end = readArchive(bytes, start, files);
  }
}

/** Returns where it ends. */
function readArchive(bytes: Uint8Array, start: number, files: CpioFile[]): number {
  const aligned = (at: number): number => at + ((4 - ((at - start) % 4)) % 4);
  let at = start;
  for (;;) {
    if (!MAGIC.test(text(bytes, at, 6))) throw broken('no header of a file where one has to be', at);
    const [mode, size, nameSize] = [field(bytes, at, 1), field(bytes, at, 6), field(bytes, at, 11)];
    if (nameSize < 1 || nameSize > NAME_MAX) throw broken(`a name of ${nameSize} bytes`, at);
    const from = aligned(at + HEADER + nameSize);
    if (from + size > bytes.length) {
      throw new ImageError('INITRAMFS_TRUNCATED', 'the archive ends within a file', { offset: at });
    }
    const path = text(bytes, at + HEADER, nameSize - 1);
    at = Math.min(aligned(from + size), bytes.length);
    if (path === TRAILER) return at;
    files.push({ path, mode, bytes: bytes.subarray(from, from + size) });
  }
}

/** Fields are 8 hex digits each, in the order of the struct in buffer-format.rst. */
function field(bytes: Uint8Array, header: number, index: number): number {
  const digits = text(bytes, header + 6 + index * 8, 8);
  if (!/^[0-9a-f]{8}$/i.test(digits)) throw broken('a header that is not made up of numbers', header);
  return Number.parseInt(digits, 16);
}

const text = (bytes: Uint8Array, at: number, length: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + Math.min(at, bytes.length), clamp(length, bytes.length - at)).toString();

const clamp = (length: number, left: number): number => Math.max(0, Math.min(length, left));

const broken = (detail: string, offset: number): ImageError => new ImageError('INITRAMFS_FORMAT', detail, { offset });
