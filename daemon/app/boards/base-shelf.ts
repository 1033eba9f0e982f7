/** The imported bases, as the daemon finds them in its data: listed at each question, opened once. */
import { join } from 'node:path';
import { type Problem, problem, type Result } from '../../../config/result.ts';
import { type Base, type BaseRecord, listBases, openBase } from '../../../image-builder/index.ts';
import type { Log } from '../../ports.ts';

export type BaseShelf = {
  readonly records: () => Promise<readonly BaseRecord[]>;
  /** By name or id; without one, the only base there is. NO_BASE says what to do. */
  readonly named: (name: string | undefined) => Promise<Result<BaseRecord, Problem<'NO_BASE'>>>;
  /** Undefined for a damaged one, which the log tells of. Stays open until `close`. */
  readonly open: (record: BaseRecord) => Promise<Base | undefined>;
  readonly close: () => Promise<void>;
};

export function baseShelf(folder: string, log: Log): BaseShelf {
  const opened = new Map<string, Promise<Base | undefined>>();
  /** What was said already: every file of every boot asks for the bases. */
  const complaints = new Set<string>();

  async function records(): Promise<readonly BaseRecord[]> {
    const { bases, damaged } = await listBases(folder);
    for (const problem of damaged) {
      if (complaints.has(problem.detail)) continue;
      complaints.add(problem.detail);
      log.warn('a base image cannot be used', { ...problem });
    }
    return bases;
  }

  /** Kept open: boards come in dozens, and a base never changes. */
  function open({ id }: BaseRecord): Promise<Base | undefined> {
    const known = opened.get(id);
    if (known !== undefined) return known;
    const opening = openBase(join(folder, id)).then((base) => {
      if (base.ok) return base.value;
      log.warn('a base image cannot be opened', { id, ...base.error });
      opened.delete(id);
      return undefined;
    });
    opened.set(id, opening);
    return opening;
  }

  async function named(name: string | undefined): Promise<Result<BaseRecord, Problem<'NO_BASE'>>> {
    const bases = await records();
    const names = bases.map((base) => base.name).join(', ');
    if (bases.length === 0) return problem('NO_BASE', 'no base image is imported');
    if (name !== undefined) {
      const found = bases.find((base) => base.name === name || base.id === name);
      return found
        ? { ok: true, value: found }
        : problem('NO_BASE', `there is no base image ${name}; there is ${names}`);
    }
    const [only, ...others] = bases;
    if (only !== undefined && others.length === 0) return { ok: true, value: only };
    return problem('NO_BASE', `several base images are imported: name one as images.default (${names})`);
  }

  const close = async (): Promise<void> => {
    for (const base of opened.values()) await (await base)?.close();
  };

  return { records, named, open, close };
}
