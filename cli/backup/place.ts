/** Puts parts of a backup where they belong. Nothing is overwritten: what was there keeps its bytes under another name. */
import { chmod, chown, cp, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Owner, syncFolder } from '../cluster/io.ts';
import { runProgram } from '../cluster/system.ts';
import type { Part } from './parts.ts';

/** `aside`: what its old files are called from now on, after their names. Settles with the old one's new name, if there was one. */
export async function placePart(
  part: Part,
  from: string,
  { aside, owner }: { readonly aside: string; readonly owner: Owner },
): Promise<string | undefined> {
  const { path, kind } = part;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Whole and on the disk first, so that only names change then.
  const fresh = join(dirname(path), `.${basename(path)}.restored`);
  await rm(fresh, { recursive: true, force: true });
  await cp(from, fresh, { recursive: true, preserveTimestamps: true });
  if (kind === 'database') await chmod(fresh, 0o600);
  await own(fresh, owner);
  await runProgram('sync', '-f', fresh);
  const old = `${path}.${aside}`;
  let kept: string | undefined;
  // The log belongs to its file: with any other it would do harm.
  for (const side of kind === 'database' ? ['-wal', '-shm', '-journal', ''] : ['']) {
    if (!(await isThere(`${path}${side}`))) continue;
    await rename(`${path}${side}`, `${old}${side}`);
    kept = old;
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
  return kept;
}

async function own(path: string, { uid, gid }: Owner): Promise<void> {
  await chown(path, uid, gid);
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await own(join(path, name), { uid, gid });
}

export const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
