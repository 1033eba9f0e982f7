/** Changes to files of this machine that can be taken back until they are kept. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readSum, replaceFile } from './io.ts';

export type Changes = {
  /** Whether there was anything to write. */
  readonly putText: (path: string, text: string, mode: number) => Promise<boolean>;
  /** A copy of `from`, whose sum is compared once more on the way. */
  readonly putFile: (path: string, from: string, sum: string, mode: number) => Promise<boolean>;
  /** Done when all is taken back, before what was registered earlier. */
  readonly onUndo: (undo: () => Promise<unknown>) => void;
  /** The last change first; goes on after one that cannot be taken back. */
  readonly undo: () => Promise<void>;
  readonly keep: () => Promise<void>;
};

export class WrongSum extends Error {
  override readonly name = 'WrongSum';
}

export function openChanges(): Changes {
  const undos: (() => Promise<unknown>)[] = [];
  const kept: string[] = [];
  const onUndo: Changes['onUndo'] = (undo) => void undos.unshift(undo);

  /** Registers how `path` becomes again what it is. */
  async function remember(path: string): Promise<void> {
    const folder = dirname(path);
    const made = await mkdir(folder, { recursive: true, mode: 0o755 });
    if (made !== undefined) onUndo(() => removeEmpty(folder, made));
    const before = `${path}.before-bramble`;
    await rm(before, { force: true });
    const isThere = await link(path, before).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw error;
      },
    );
    onUndo(async () => {
      if (!isThere) return await rm(path, { force: true });
      await rename(before, path);
      // Two names of one file: rename(2) leaves both.
      await rm(before, { force: true });
    });
    if (isThere) kept.push(before);
  }

  return {
    putText: async (path, text, mode) => {
      const old = await readFile(path, 'utf8').catch(() => undefined);
      if (old === text) return false;
      await remember(path);
      await replaceFile(path, text, { mode });
      return true;
    },
    putFile: async (path, from, sum, mode) => {
      const { signal } = new AbortController();
      const old = await readSum(path, { begin: 0, signal }).catch(() => undefined);
      if (old?.sha256 === sum) return false;
      await remember(path);
      await replaceFile(path, compared(from, sum), { mode });
      return true;
    },
    onUndo,
    undo: async () => {
      for (const undo of undos.splice(0)) await undo().catch(() => undefined);
    },
    keep: async () => {
      undos.splice(0);
      for (const path of kept.splice(0)) await rm(path, { force: true });
    },
  };
}

/** Throws at its end, so that what was written is never given its name. */
async function* compared(path: string, wanted: string): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    sum.update(chunk);
    yield chunk;
  }
  if (sum.digest('hex') !== wanted) throw new WrongSum(`${path} is not what it was when it was fetched`);
}

async function removeEmpty(folder: string, upTo: string): Promise<void> {
  for (let path = folder; path.startsWith(upTo); path = dirname(path)) await rmdir(path);
}
