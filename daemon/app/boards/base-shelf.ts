/** The imported bases, as the daemon finds them in its data: listed at each question, opened once for all who use them. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem, Result } from '../../../config/result.ts';
import { type Base, type BaseRecord, chooseBase, listBases, openBase, RECORD } from '../../../image-builder/index.ts';
import type { Log } from '../../ports.ts';

export type BaseShelf = {
  readonly records: () => Promise<readonly BaseRecord[]>;
  /** By name or id; without one, the only base there is. NO_BASE says what to do. */
  readonly named: (name: string | undefined) => Promise<Result<BaseRecord, Problem<'NO_BASE'>>>;
  /**
   * Undefined for a damaged one, which the log tells of. Whoever asked closes it, as often as it likes; the file is closed
   * when the last one has, once the owner removed the base or imported it anew.
   */
  readonly open: (record: BaseRecord) => Promise<Base | undefined>;
  /** Opens the one that fits, as `open` does; also one that was removed, for as long as somebody has it open. */
  readonly find: (fits: (record: BaseRecord) => boolean) => Promise<Base | undefined>;
  readonly close: () => Promise<void>;
};

/** Closes it once the work with it is done. */
export async function closing<T>(base: Base, work: (base: Base) => Promise<T>): Promise<T> {
  try {
    return await work(base);
  } finally {
    await base.close();
  }
}

type Opened = {
  /** Of the record that it was opened by; `undefined`: there was none. */
  readonly stamp: Promise<string | undefined>;
  readonly base: Promise<Base | undefined>;
  users: number;
  /** Nobody is given it any more. */
  isGone: boolean;
};

export function baseShelf(folder: string, log: Log): BaseShelf {
  const opened = new Map<string, Opened>();
  /** Removed or imported anew, and still read by somebody. */
  const gone = new Set<Opened>();
  /** What was said already: every file of every boot asks for the bases. */
  const complaints = new Set<string>();

  async function records(): Promise<readonly BaseRecord[]> {
    const { bases, damaged } = await listBases(folder);
    for (const problem of damaged) {
      if (complaints.has(problem.detail)) continue;
      complaints.add(problem.detail);
      log.warn('a base image cannot be used', { ...problem });
    }
    for (const [id, one] of opened) if ((await stampOf(id)) !== (await one.stamp)) await letGo(id, one);
    return bases;
  }

  /** An import writes it anew, even of the same bytes. */
  const stampOf = (id: string): Promise<string | undefined> =>
    stat(join(folder, id, RECORD)).then(
      ({ mtimeMs, ino }) => `${mtimeMs} ${ino}`,
      () => undefined,
    );

  async function letGo(id: string, one: Opened): Promise<void> {
    if (opened.get(id) === one) opened.delete(id);
    one.isGone = true;
    gone.add(one);
    await closeUnused(one);
  }

  /** An open file keeps its place on the disk after it was deleted. */
  async function closeUnused(one: Opened): Promise<void> {
    if (!one.isGone || one.users > 0) return;
    gone.delete(one);
    await (await one.base)?.close();
  }

  /** Kept open: boards come in dozens, and a base does not change while it is there. */
  const open: BaseShelf['open'] = ({ id }) => lend(opened.get(id) ?? begin(id));

  async function find(fits: (record: BaseRecord) => boolean): Promise<Base | undefined> {
    const record = (await records()).find(fits);
    if (record !== undefined) return await open(record);
    for (const one of gone) {
      const base = await lend(one);
      if (base !== undefined && fits(base)) return base;
      await base?.close();
    }
    return undefined;
  }

  async function lend(one: Opened): Promise<Base | undefined> {
    one.users += 1;
    const base = await one.base;
    let isUsed = true;
    const close = async (): Promise<void> => {
      if (isUsed) one.users -= 1;
      isUsed = false;
      await closeUnused(one);
    };
    return base && { ...base, close };
  }

  function begin(id: string): Opened {
    const stamp = stampOf(id);
    const base = stamp.then(async () => {
      const found = await openBase(join(folder, id));
      if (found.ok) return found.value;
      log.warn('a base image cannot be opened', { id, ...found.error });
      if (opened.get(id) === one) opened.delete(id);
      return undefined;
    });
    const one: Opened = { stamp, base, users: 0, isGone: false };
    opened.set(id, one);
    return one;
  }

  const close = async (): Promise<void> => {
    for (const { base } of [...opened.values(), ...gone]) await (await base)?.close();
  };

  const named: BaseShelf['named'] = async (name) => chooseBase(await records(), name);

  return { records, named, open, find, close };
}
