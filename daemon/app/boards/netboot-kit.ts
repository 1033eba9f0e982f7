/** The boot kit: the base whose firmware and kernel start the installer, whatever the boards run afterwards. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import type { Model } from '../../../config/values.ts';
import { type Base, kitGaps, listBootFiles, openBootFile } from '../../../image-builder/index.ts';
import { recentReads } from '../../boot/recent-reads.ts';
import type { ByteSource, Log } from '../../ports.ts';
import { type BaseShelf, closing } from './base-shelf.ts';

export type KitGaps = { readonly kit: string; readonly missing: ReadonlyMap<Model, readonly string[]> };

export type NetbootKit = {
  /** The base that boards netboot from, which the caller closes; NO_BASE says what to do. */
  readonly findKit: () => Promise<Result<Base, Problem>>;
  /** The same, while there is one. */
  readonly kit: () => Promise<Base | undefined>;
  /** Paths of its boot files; empty without a kit. */
  readonly kitFiles: () => Promise<readonly string[]>;
  /** What it lacks, by model; a kit that is not there lacks nothing. */
  readonly kitGaps: () => Promise<KitGaps>;
  /** Straight out of its FAT partition; undefined: it has none of that name. */
  readonly openKitFile: (path: string) => Promise<ByteSource | undefined>;
};

export function netbootKit(
  bases: BaseShelf,
  { config, log }: { readonly config: Config; readonly log: Log },
): NetbootKit {
  // About a kernel: a shelf of boards that is switched on reads it once.
  const recent = recentReads({ bytesMax: 16 * 2 ** 20 });

  async function findKit(): Promise<Result<Base, Problem>> {
    const record = await bases.named(config.images.kit ?? config.images.default);
    if (!record.ok) return record;
    const base = await bases.open(record.value);
    return base === undefined
      ? problem('BASE_DAMAGED', `the boot kit ${record.value.name} cannot be opened`)
      : ok(base);
  }

  async function kit(): Promise<Base | undefined> {
    const found = await findKit();
    return found.ok ? found.value : undefined;
  }

  async function kitFiles(): Promise<readonly string[]> {
    const base = await kit();
    return base === undefined ? [] : ((await closing(base, pathsOf)) ?? []);
  }

  /** As long as the same base stays open; one that could not be read is looked through again. */
  const listed = new WeakMap<Base['source'], readonly string[]>();
  async function pathsOf(base: Base): Promise<readonly string[] | undefined> {
    const known = listed.get(base.source);
    if (known !== undefined) return known;
    const files = await listBootFiles(base);
    if (!files.ok) {
      log.warn('the boot kit cannot be looked through', { kit: base.name, ...files.error });
      return undefined;
    }
    const paths = files.value.map(({ path }) => path);
    listed.set(base.source, paths);
    return paths;
  }

  async function lookForGaps(base: Base): Promise<KitGaps> {
    let paths: readonly string[] | undefined;
    try {
      paths = await pathsOf(base);
    } finally {
      // Asked again: the disk may do better.
      if (paths === undefined) gaps.delete(base.source);
    }
    const missing = paths === undefined ? noGaps.missing : kitGaps(paths);
    const told = { kit: base.name, missing: Object.fromEntries(missing) };
    if (missing.size > 0) log.info('models that the boot kit does not start', told);
    return { kit: base.name, missing };
  }

  /** As long as the same base stays open. */
  const gaps = new WeakMap<Base['source'], Promise<KitGaps>>();
  async function gapsOfKit(): Promise<KitGaps> {
    const base = await kit();
    if (base === undefined) return noGaps;
    const known = gaps.get(base.source) ?? lookForGaps(base);
    gaps.set(base.source, known);
    return await closing(base, async () => await known);
  }

  async function openKitFile(path: string): Promise<ByteSource | undefined> {
    const base = await kit();
    if (base === undefined) return undefined;
    const file = await openBootFile(base, path);
    if (!file.ok) log.debug('a boot file cannot be read', { path, ...file.error });
    if (file.ok && file.value !== undefined)
      return recent.of(`${base.id} ${path.toLowerCase()}`, { ...file.value, close: base.close });
    await base.close();
    return undefined;
  }

  return { findKit, kit, kitFiles, kitGaps: gapsOfKit, openKitFile };
}

const noGaps: KitGaps = { kit: '', missing: new Map() };
