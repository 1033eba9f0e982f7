/** Files of this machine: what the disk says in plain words, sums, and changing a file in one step. */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Problem } from '../../config/result.ts';
import { type Err, problem } from '../../config/result.ts';

/** Rethrows what is no matter of files. */
export function ioProblem(error: unknown): Err<Problem<'DISK_FULL' | 'IO'>> {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (!(error instanceof Error) || typeof code !== 'string') throw error;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return problem('DISK_FULL', 'the disk is full: make room and run it again');
  const advice = code === 'EACCES' || code === 'EPERM' ? ': run it with sudo' : '';
  return problem('IO', `${error.message}${advice}`);
}

/** SHA-256 in hex, and the first bytes. */
export async function readSum(
  path: string,
  { begin, onProgress, signal }: ReadSumOptions,
): Promise<{ readonly sha256: string; readonly begin: Uint8Array; readonly bytes: number }> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  const sum = createHash('sha256');
  const first = Buffer.alloc(Math.min(begin, size));
  let done = 0;
  // Closes it at the end, however that comes.
  for await (const chunk of file.createReadStream({ highWaterMark: 2 ** 20, signal }) as AsyncIterable<Buffer>) {
    if (done < first.length) chunk.copy(first, done);
    sum.update(chunk);
    done += chunk.length;
    onProgress?.(done, size);
  }
  return { sha256: sum.digest('hex'), begin: first, bytes: done };
}
type ReadSumOptions = {
  readonly begin: number;
  readonly onProgress?: (done: number, of: number) => void;
  readonly signal: AbortSignal;
};

export type Owner = { readonly uid: number; readonly gid: number };

/** As before or as wanted, whenever the power goes; the umask does not count. */
export async function replaceFile(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
  { mode, owner }: { readonly mode: number; readonly owner?: Owner },
): Promise<void> {
  // Nobody can have laid a link there.
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

/** Readable by all, whatever the umask. */
export async function makeFolder(path: string, mode = 0o755): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first !== undefined) await chmod(path, mode);
}
