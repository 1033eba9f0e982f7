/** Files that are either as before or as wanted, whenever the power goes. */
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export type WriteOptions = {
  /** Permission bits; by default 0o644. The umask does not count. */
  readonly mode?: number;
};

/**
 * `.tmp` beside it, fsync, rename, fsync of the folder. A `.tmp` that a crash left is overwritten the next time. One
 * writer per path at a time.
 */
export async function writeAtomically(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const temporary = join(dirname(path), `${basename(path)}.tmp`);
  try {
    // Removed first: an old one may have other permissions, or be a link to somewhere.
    await rm(temporary, { force: true });
    await withFile(temporary, 'wx', async (file) => {
      await file.chmod(options.mode ?? 0o644);
      await file.writeFile(data);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Spares the SD card: whether it was necessary to write. */
export async function writeIfChanged(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<boolean> {
  const old = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (old?.equals(Buffer.from(data)) === true) return false;
  await writeAtomically(path, data, options);
  return true;
}

/** Makes renames and removals in a folder durable. */
export const syncFolder = (path: string): Promise<void> => withFile(path, 'r', (folder) => folder.sync());

async function withFile<T>(path: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o600);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
