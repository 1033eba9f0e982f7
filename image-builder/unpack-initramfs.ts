/** What is in an initramfs as distributions make it: plain archives, then one that is compressed, or either alone. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import type { Result } from '../config/result.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';
import { type CpioFile, readArchives } from './unpack-cpio.ts';

/** About five times what Raspberry Pi OS has in one. */
const MOST = 256 * 1024 * 1024;

/** Of at most `most` bytes unpacked. Codes: INITRAMFS_… */
export async function unpackInitramfs(
  bytes: Uint8Array,
  most = MOST,
): Promise<Result<readonly CpioFile[], ImageProblem>> {
  return await attempt(async () => {
    const plain = readArchives(bytes);
    const rest = bytes.subarray(plain.end);
    if (rest.length === 0) return plain.files;
    const unpacked = await decompress(rest, most);
    const packed = readArchives(unpacked);
    if (packed.end < unpacked.length) throw notKnown(plain.end);
    return [...plain.files, ...packed.files];
  });
}

type Decompress = (bytes: Uint8Array, most: number) => Promise<Uint8Array>;

const formats: readonly { readonly magic: string; readonly decompress: Decompress }[] = [
  { magic: '1f8b', decompress: (bytes, most) => promisify(gunzip)(bytes, { maxOutputLength: most }) },
  { magic: '28b52ffd', decompress: (bytes, most) => promisify(zstdDecompress)(bytes, { maxOutputLength: most }) },
  { magic: 'fd377a585a00', decompress: unpackXz },
];

/** By what it begins with. Throws INITRAMFS_FORMAT, INITRAMFS_TRUNCATED, INITRAMFS_TOO_LARGE. */
export async function decompress(bytes: Uint8Array, most = MOST): Promise<Uint8Array> {
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  const format = formats.find(({ magic }) => start.startsWith(magic));
  if (format === undefined) throw notKnown(0);
  try {
    return await format.decompress(bytes, most);
  } catch (error) {
    throw failure(error, most);
  }
}

const notKnown = (offset: number): ImageError =>
  new ImageError('INITRAMFS_FORMAT', 'no cpio archive, and none that gzip, xz or zstd packed', { offset });

function failure(error: unknown, most: number): ImageError {
  if (error instanceof ImageError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE' || code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    return new ImageError('INITRAMFS_TOO_LARGE', `more than ${most} bytes unpacked`, { cause: error });
  }
  const detail = code === 'ENOENT' ? 'xz is not on this machine: install xz-utils' : 'it cannot be unpacked to its end';
  return new ImageError(code === 'ENOENT' ? 'INITRAMFS_FORMAT' : 'INITRAMFS_TRUNCATED', detail, { cause: error });
}

/** Node has no xz. */
async function unpackXz(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const options = { encoding: 'buffer', maxBuffer: most, timeout: 60_000 } as const;
  // What follows the stream is padding.
  const running = promisify(execFile)(
    'xz',
    ['-dc', '--single-stream', '--no-warn', '--memlimit-decompress=128MiB'],
    options,
  );
  // It may end before it has read all.
  running.child.stdin?.on('error', () => undefined).end(bytes);
  return (await running).stdout;
}
