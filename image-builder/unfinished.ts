/**
 * Folders of imports that are under way, beside the bases: `.import-KEY-PID-RANDOM`, and `.import-KEY-0-RANDOM` once one
 * was interrupted. The next import of the same file takes over what an interrupted or killed one has written.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '../config/result.ts';
import { attempt, type ImageProblem } from './errors.ts';

const PREFIX = '.import-';
const DAY = 24 * 3600 * 1000;
const NOBODY = 0;

/** The same as long as the file is the same: place, size, time of its last change. */
export async function fileKey(file: string): Promise<string> {
  const { size, mtimeMs } = await stat(file);
  return createHash('sha256')
    .update(`${await realpath(file)}|${size}|${mtimeMs}`)
    .digest('hex')
    .slice(0, 16);
}

/** A folder of our own, with what an earlier import of this file has left in it if nobody is at it any more. */
export async function claimUnfinished(directory: string, key: string): Promise<string> {
  const own = join(directory, nameOf(key, process.pid));
  for (const name of await readdir(directory)) {
    const found = parseName(name);
    if (found?.key !== key || isAlive(found.pid)) continue;
    if (await renamed(join(directory, name), own)) {
      const now = new Date();
      await utimes(own, now, now);
      return own;
    }
  }
  await mkdir(own);
  // Whatever the umask of the one who imports: the daemon is another user.
  await chmod(own, 0o755);
  return own;
}

/** Leaves it to the next import of the same file. */
export async function releaseUnfinished(folder: string, directory: string, key: string): Promise<void> {
  await renamed(folder, join(directory, nameOf(key, NOBODY)));
}

/** What was left a day ago, and nobody went on with. */
export async function removeOldUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!name.startsWith(PREFIX) || isAlive(parseName(name)?.pid ?? NOBODY)) continue;
    // Gone: another import has taken it over.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < Date.now() - DAY) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Takes a base out of sight in one step and then away; what a crash leaves of that goes with the unfinished imports. A
 * daemon that has it open keeps its bytes until it closes it. IMAGE_IO.
 */
export async function removeBase(directory: string, id: string): Promise<Result<void, ImageProblem>> {
  return await attempt(async () => {
    const gone = join(directory, nameOf(id, NOBODY));
    await rename(join(directory, id), gone);
    await rm(gone, { recursive: true, force: true });
  });
}

const nameOf = (key: string, pid: number): string => `${PREFIX}${key}-${pid}-${randomBytes(4).toString('hex')}`;

function parseName(name: string): { readonly key: string; readonly pid: number } | undefined {
  const [, key, pid] = /^\.import-([0-9a-f]+)-(\d+)-[0-9a-f]+$/.exec(name) ?? [];
  return key === undefined ? undefined : { key, pid: Number(pid) };
}

function isAlive(pid: number): boolean {
  if (pid === NOBODY) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** False if it is gone: two imports may reach for the same one. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
