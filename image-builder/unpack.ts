/** Published images as a stream of the image's bytes, whatever they are packed in; told by content, not by name. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Duplex, pipeline, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { crc32, createGunzip, createInflateRaw, createZstdDecompress } from 'node:zlib';
import type { ByteSource } from './device.ts';
import { openFileSource } from './disk.ts';
import { ImageError } from './errors.ts';
import { type Packing, packingOf, START_BYTES, strangerIn } from './strangers.ts';
import { findInZip, type ZippedImage } from './zip.ts';

export type Published = {
  readonly file: string;
  readonly packing: Packing;
  /** Of the file as it was published. */
  readonly bytes: number;
  /** Of the image, where that is known beforehand; a zip may lie. */
  readonly imageBytes: number | undefined;
  /** The image's own file name. */
  readonly imageName: string;
  /** From its start, each time. `onTaken` hears how many bytes of the file were needed so far. */
  readonly unpack: (signal: AbortSignal, onTaken: (bytes: number) => void) => AsyncIterable<Buffer>;
};

type Range = { readonly from: number; readonly to: number };
type Taking = { readonly file: string; readonly signal: AbortSignal; readonly onTaken: (bytes: number) => void };

const CHUNK = 256 * 1024;
/** xz -9 needs 65 MiB. */
const XZ_MEMORY = 256;

/** Codes: BASE_SIZE, BASE_NOT_PI, BASE_ARCHIVE, BASE_TRUNCATED, BASE_CORRUPT. Throws them, and what the file system says. */
export async function openPublished(file: string): Promise<Published> {
  const about = await stat(file);
  if (!about.isFile()) {
    const what = about.isBlockDevice() ? 'a device: copy it into a file first (dd), and add that' : 'no file';
    throw new ImageError('BASE_NOT_PI', `${file} is ${what}`);
  }
  const source = await openFileSource(file);
  try {
    const { size } = source;
    if (size === 0) throw new ImageError('BASE_SIZE', `${file} is empty: the download went wrong, fetch it again`);
    const start = await firstBytes(source);
    const stranger = strangerIn(start);
    if (stranger !== undefined) throw new ImageError('BASE_NOT_PI', `${file} is ${stranger}`);
    return await publishedAs(packingOf(start), file, size);
  } finally {
    await source.close();
  }
}

async function firstBytes(source: ByteSource): Promise<Buffer> {
  const start = Buffer.alloc(START_BYTES);
  await source.read(start, 0);
  return start;
}

async function publishedAs(packing: Packing, file: string, bytes: number): Promise<Published> {
  const whole = { from: 0, to: bytes };
  const plain = { file, packing, bytes, imageBytes: undefined, imageName: withoutEnding(basename(file), packing) };
  switch (packing) {
    case 'none':
      return { ...plain, imageBytes: bytes, unpack: (signal, onTaken) => taken({ file, signal, onTaken }, whole) };
    case 'gzip':
      return {
        ...plain,
        unpack: (signal, onTaken) => through(createGunzip({ chunkSize: CHUNK }), { file, signal, onTaken }, whole),
      };
    case 'zstd':
      return { ...plain, unpack: (signal, onTaken) => unzstd({ file, signal, onTaken }, bytes) };
    case 'xz':
      return { ...plain, unpack: (signal, onTaken) => unxz({ file, signal, onTaken }, whole) };
    case 'zip': {
      const image = await findInZip(file);
      const unpack: Published['unpack'] = (signal, onTaken) => unzip({ file, signal, onTaken }, image);
      return { ...plain, imageBytes: image.bytes, imageName: image.name, unpack };
    }
  }
}

const withoutEnding = (name: string, packing: Packing): string =>
  packing === 'none' ? name : name.replace(/\.(xz|gz|zst|zstd)$/i, '');

async function* taken({ file, signal, onTaken }: Taking, { from, to }: Range): AsyncIterable<Buffer> {
  if (from >= to) return;
  let at = from;
  const chunks: AsyncIterable<Buffer> = createReadStream(file, {
    start: from,
    end: to - 1,
    highWaterMark: CHUNK,
    signal,
  });
  for await (const chunk of chunks) {
    at += chunk.length;
    onTaken(at);
    yield chunk;
  }
}

/** The output of a decompressor; ends with it, takes it along when it is left early. */
async function* through(decompressor: Duplex, taking: Taking, range: Range): AsyncIterable<Buffer> {
  const input = Readable.from(taken(taking, range), { objectMode: false, highWaterMark: CHUNK });
  // Both are destroyed together; what went wrong comes out of the loop.
  pipeline(input, decompressor, () => {});
  try {
    yield* decompressor;
  } catch (error) {
    throw unpackError(taking.file, error);
  }
}

function unpackError(file: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const { code } = error;
  if (code === 'Z_BUF_ERROR') return truncated(file);
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    return new ImageError(
      'BASE_CORRUPT',
      `${file} was packed with --long: unpack it first (zstd -d --long=31), then add the .img`,
    );
  }
  return /^(Z_|ZSTD_)/.test(code) ? corrupt(file, error.message) : error;
}

const truncated = (file: string): ImageError =>
  new ImageError('BASE_TRUNCATED', `${file} ends too early, the download is not complete: fetch it again`);
const corrupt = (file: string, why: string): ImageError =>
  new ImageError('BASE_CORRUPT', `${file} is damaged (${why}): fetch it again`);

/** Node's decompressor ends with the first frame; pzstd writes many, and some that are to be skipped. */
async function* unzstd(taking: Taking, bytes: number): AsyncIterable<Buffer> {
  for (let from = 0; from < bytes; ) {
    const decompressor = createZstdDecompress({ chunkSize: CHUNK });
    yield* through(decompressor, taking, { from, to: bytes });
    if (decompressor.bytesWritten === 0) throw corrupt(taking.file, 'nothing to unpack');
    from += decompressor.bytesWritten;
  }
}

async function* unzip(taking: Taking, image: ZippedImage): AsyncIterable<Buffer> {
  const range = { from: image.offset, to: image.offset + image.packedBytes };
  const unpacked = image.deflated
    ? through(createInflateRaw({ chunkSize: CHUNK }), taking, range)
    : taken(taking, range);
  let sum = 0;
  let bytes = 0;
  for await (const chunk of unpacked) {
    sum = crc32(chunk, sum);
    bytes += chunk.length;
    if (bytes > image.bytes)
      throw corrupt(taking.file, `${image.name} is larger than the ${image.bytes} bytes it claims`);
    yield chunk;
  }
  if (bytes < image.bytes) throw truncated(taking.file);
  if (sum !== image.crc32) throw corrupt(taking.file, `${image.name} fails its CRC`);
}

async function* unxz(taking: Taking, range: Range): AsyncIterable<Buffer> {
  const { file } = taking;
  const xz = spawn('xz', ['-dc', '-T1', `--memlimit-decompress=${XZ_MEMORY}MiB`], {
    env: { ...process.env, LC_ALL: 'C' },
    // Its own process group: Ctrl-C is for us, and we end it.
    detached: true,
  });
  const ended: Promise<readonly unknown[]> = once(xz, 'close');
  // It is looked at once the output has ended; a program that is not there fails before.
  ended.catch(() => {});
  const said = text(xz.stderr);
  // A read that fails ends xz's input early: then that is the reason, not what xz says of it.
  const fed = new Promise<Error | undefined>((resolve) => {
    pipeline(taken(taking, range), xz.stdin, (error) => resolve(isLeftEarly(error) ? undefined : error));
  });
  try {
    yield* xz.stdout;
    const [[code], complaint, failure] = await Promise.all([ended, said, fed]);
    if (failure !== undefined) throw failure;
    taking.signal.throwIfAborted();
    if (code === null) throw new ImageError('IMAGE_IO', `${file}: xz was ended from outside; out of memory?`);
    if (code !== 0) throw xzError(file, complaint);
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      error.code === 'ENOENT' &&
      'path' in error &&
      error.path === 'xz'
    ) {
      throw new ImageError(
        'BASE_NO_PROGRAM',
        `${file} is packed with xz, which is not installed: apt-get install xz-utils`,
      );
    }
    throw error;
  } finally {
    xz.kill();
    await Promise.allSettled([ended, fed]);
  }
}

/** xz read no further: it says itself why. */
const isLeftEarly = (error: NodeJS.ErrnoException | null | undefined): error is null | undefined =>
  error === null || error === undefined || error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE';

function xzError(file: string, complaint: string): ImageError {
  const why =
    complaint
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^xz: (\(stdin\): )?/, '') ?? '';
  if (/unexpected end/i.test(why)) return truncated(file);
  if (/memory usage limit/i.test(complaint)) {
    return new ImageError(
      'BASE_CORRUPT',
      `${file} needs more than ${XZ_MEMORY} MiB of memory to unpack: unpack it by hand (xz -d), then add the .img`,
    );
  }
  return corrupt(file, why);
}
