/** Takes a published image in as a base: unpacks, checks, recognises, records. */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Result } from '../config/result.ts';
import { type Base, type BaseRecord, IMAGE, isRecognised, listBases, openBase, RECORD, readRecord } from './base.ts';
import { type PublishedSum, sumBeside } from './checksum.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';
import { inspectImage } from './inspect.ts';
import { claimUnfinished, fileKey, releaseUnfinished, removeOldUnfinished } from './unfinished.ts';
import { openPublished, type Published } from './unpack.ts';
import { writeImage } from './write-image.ts';

export type ImportOptions = {
  /** An image as published: `.img`, or that as zip, xz, gz, zst; told by its content. */
  readonly file: string;
  /** Of the bases; made if it is not there. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Of the file as published or of the image in it. Default: what a checksum file beside `file` says. */
  readonly sha256?: string;
  /** Default: the image's file name without its ending. */
  readonly name?: string;
};

export type ImportProgress = {
  readonly phase: 'checking' | 'unpacking';
  /** Bytes of the file that were read, of all. */
  readonly taken: number;
  readonly total: number;
  /** Bytes of the image so far. */
  readonly written: number;
};

/** `known`: it was there already, and nothing was written. */
export type ImportedBase = Base & { readonly known: boolean };

/**
 * Brings an image into `directory/<id>/` and opens it. Durable once it returns. Interrupted, by the signal or by a kill, it
 * leaves what it has written, and the next call with the same file goes on from there; refused, it leaves nothing.
 * Codes: BASE_…, PARTITION_…, FAT_…, IMAGE_IO. Throws the signal's reason.
 */
export async function importBase(options: ImportOptions): Promise<Result<ImportedBase, ImageProblem>> {
  const { file, directory, signal } = options;
  const imported = await attempt(async () => {
    const published = await openPublished(file);
    const name = baseName(options.name ?? published.imageName, options.name === undefined);
    const given = options.sha256 === undefined ? undefined : { sha256: options.sha256.toLowerCase(), from: '--sha256' };
    const expected = given ?? (await sumBeside(file, published.imageName));
    const publishedSum = published.packing === 'none' ? undefined : await sumOf(published, options);
    await makeDirectory(directory);
    await removeOldUnfinished(directory);
    const { bases } = await listBases(directory);
    const same = bases
      .filter(isRecognised)
      .find((base) => publishedSum !== undefined && base.published?.sha256 === publishedSum);
    if (same !== undefined) {
      compareSums({ file, expected, publishedSum, imageSum: same.sha256 });
      return { id: same.id, known: true };
    }
    // Long before the end, where it can be told.
    const namesake = bases.find((base) => base.name === name && base.bytes !== (published.imageBytes ?? base.bytes));
    if (namesake !== undefined) throw nameTaken(namesake);
    return await takeIn({ published, publishedSum, expected, name, options });
  });
  if (!imported.ok) return imported;
  signal.throwIfAborted();
  const base = await openBase(join(directory, imported.value.id));
  return base.ok ? { ok: true, value: { ...base.value, known: imported.value.known } } : base;
}

/** As bramble.yaml takes names of bases; what a file is called is made to fit. */
function baseName(text: string, fromFile: boolean): string {
  const name = fromFile ? text.replace(/\.(img|raw)$/i, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-') : text;
  if (/^[A-Za-z0-9._-]{1,100}$/.test(name) && !name.startsWith('.')) return name;
  const detail = `${JSON.stringify(name)} is no name for a base: up to 100 of A-Z, a-z, 0-9, "." , "_" and "-"`;
  throw new ImageError('BASE_NAME', fromFile ? `${detail}; give it one with --name` : detail);
}

async function sumOf({ file, bytes }: Published, { signal, onProgress }: ImportOptions): Promise<string> {
  const handle = await open(file, 'r');
  const sum = createHash('sha256');
  let taken = 0;
  for await (const chunk of handle.createReadStream({ highWaterMark: 2 ** 20, signal })) {
    sum.update(chunk);
    taken += chunk.length;
    onProgress?.({ phase: 'checking', taken, total: bytes, written: 0 });
  }
  return sum.digest('hex');
}

/** Its owner is its parent's, and all may read, whatever the umask: the administrator imports, the daemon serves. */
async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true });
  if (made === undefined) return;
  await chmod(directory, 0o755);
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(made));
  await chown(directory, uid, gid);
}

type Taking = {
  readonly published: Published;
  readonly publishedSum: string | undefined;
  readonly expected: PublishedSum | undefined;
  readonly name: string;
  readonly options: ImportOptions;
};

/** Everything under a temporary name, synced, then one rename. */
async function takeIn(taking: Taking): Promise<{ readonly id: string; readonly known: boolean }> {
  const { directory, file } = taking.options;
  const key = await fileKey(file);
  const unfinished = await claimUnfinished(directory, key);
  try {
    const record = await makeBase(taking, unfinished);
    await refuseTakenName(directory, record);
    const base = join(directory, record.id);
    const isNew = await renameUnlessThere(unfinished, base);
    const known = !isNew && !(await mendBase(base, unfinished, record));
    if (!isNew) await rm(unfinished, { recursive: true, force: true });
    await syncDirectory(directory);
    return { id: record.id, known };
  } catch (error) {
    // A verdict about the image is final; anything else may go better the next time.
    if (error instanceof ImageError) await rm(unfinished, { recursive: true, force: true });
    else await releaseUnfinished(unfinished, directory, key);
    throw error;
  }
}

/**
 * A base whose record cannot be read, or is of the version before, gets what was just made: the same id are the same bytes.
 * bramble.yaml may know it by the name that it has. False: there is nothing to mend.
 */
async function mendBase(base: string, unfinished: string, made: BaseRecord): Promise<boolean> {
  const there = await readRecord(base);
  if (there.ok && isRecognised(there.value)) return false;
  if (there.ok) await writeRecord(unfinished, { ...made, name: there.value.name });
  for (const name of [IMAGE, RECORD]) await rename(join(unfinished, name), join(base, name));
  await syncDirectory(base);
  return true;
}

async function makeBase(taking: Taking, folder: string): Promise<BaseRecord> {
  const { published, publishedSum, expected, name, options } = taking;
  const { file, signal, onProgress } = options;
  const progress = { taken: 0, written: 0 };
  const tell = (): void => onProgress?.({ phase: 'unpacking', total: published.bytes, ...progress });
  const written = await writeImage({
    file,
    image: published.unpack(signal, (taken) => {
      progress.taken = taken;
    }),
    imageBytes: published.imageBytes,
    to: join(folder, IMAGE),
    signal,
    onWritten: (bytes) => {
      progress.written = bytes;
      tell();
    },
  });
  // What stands behind the image in an archive is not read.
  progress.taken = published.bytes;
  tell();
  const checked = compareSums({ file, expected, publishedSum, imageSum: written.sha256 });
  const record: BaseRecord = {
    id: written.sha256.slice(0, 16),
    name,
    ...written,
    ...(await inspectImage(file, join(folder, IMAGE))),
    published: {
      name: basename(file),
      bytes: published.bytes,
      sha256: publishedSum ?? written.sha256,
      packing: published.packing,
    },
    ...(checked === undefined ? {} : { checked }),
  };
  await writeRecord(folder, record);
  await syncDirectory(folder);
  return record;
}

/** Which of the two sums was the expected one; `undefined` if none was. BASE_CHECKSUM if it is neither. */
function compareSums(sums: {
  readonly file: string;
  readonly expected: PublishedSum | undefined;
  readonly publishedSum: string | undefined;
  readonly imageSum: string;
}): BaseRecord['checked'] {
  const { file, expected, publishedSum, imageSum } = sums;
  if (expected === undefined) return undefined;
  const { sha256, from } = expected;
  if (sha256 === publishedSum) return { of: 'published', from: basename(from) };
  if (sha256 === imageSum) return { of: 'image', from: basename(from) };
  const unpacked = publishedSum === undefined ? '' : `, the image in it ${imageSum}`;
  throw new ImageError(
    'BASE_CHECKSUM',
    `${file} has the SHA-256 ${publishedSum ?? imageSum}${unpacked}; ${from} wants ${sha256}: fetch it again`,
  );
}

async function refuseTakenName(directory: string, { id, name }: BaseRecord): Promise<void> {
  const { bases } = await listBases(directory);
  const other = bases.find((base) => base.name === name && base.id !== id);
  if (other !== undefined) throw nameTaken(other);
}

const nameTaken = ({ name, found }: BaseRecord): ImageError =>
  new ImageError(
    'BASE_NAME',
    `another base is called ${name} (${found}): give this one another name with --name, or remove that one first ` +
      `(bramble image remove ${name})`,
  );

/** False if there is one of this name. */
async function renameUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const there = error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
    if (!there) throw error;
    return false;
  }
}

async function writeRecord(folder: string, record: BaseRecord): Promise<void> {
  const handle = await open(join(folder, RECORD), 'w');
  try {
    await handle.chmod(0o644);
    await handle.writeFile(`${JSON.stringify(record, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
