/** Files of a release that were fetched on another machine. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type K3sArch, k3sArchs } from '../../config/k3s-release.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { FetchOptions } from './fetch.ts';
import { ioProblem, readSum } from './io.ts';
import { parseSums, publishedName, sumsName, type Wanted, wantedFor, wantedNamed } from './release.ts';
import { copyPart, openShelf, type Shelf } from './shelf.ts';

export type ImportOptions = Omit<FetchOptions, 'archs' | 'url' | 'waits' | 'stallMs'> & {
  /** Folders, of which every file counts, and files. */
  readonly from: readonly string[];
};

/** The list of the sums has to lie beside them: nothing is taken at its name. Settles with what it found nothing about. */
export async function importRelease(options: ImportOptions): Promise<Result<readonly string[], Problem>> {
  const { data, version, signal } = options;
  try {
    const found = await lookInto(options.from);
    if (found.files.length === 0) return problem('NOTHING_THERE', `${options.from.join(', ')}: there is no file`);
    const sums = await readSums(found);
    const names = new Map([...sums.values()].map(({ sha256, wanted }) => [sha256, wanted]));
    const shelf = await openShelf(data, version);
    const others: string[] = [];
    let taken = 0;
    for (const file of found.files) {
      const end = await importFile(options, shelf, file, { sums, names });
      if (!end.ok) return end;
      if (end.value === 'other') others.push(file);
      else taken += 1;
    }
    if (taken === 0) return problem('NOTHING_THERE', nothingThere(options.from, sums.size > 0));
    for (const arch of k3sArchs) {
      const list = found.lists.get(sumsName(arch));
      if (list !== undefined) await shelf.sums.keep(sumsName(arch), await readFile(list, 'utf8'));
    }
    return ok(others);
  } catch (error) {
    signal.throwIfAborted();
    return ioProblem(error);
  }
}

type Found = {
  readonly files: readonly string[];
  /** By name. */
  readonly lists: ReadonlyMap<string, string>;
};

/** Of a file, the lists beside it count, too. */
async function lookInto(paths: readonly string[]): Promise<Found> {
  const files: string[] = [];
  const lists = new Map<string, string>();
  const isList = (name: string): boolean => k3sArchs.some((arch) => sumsName(arch) === name);
  for (const path of paths) {
    const isFolder = (await stat(path)).isDirectory();
    const folder = isFolder ? path : dirname(path);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const file = join(folder, entry.name);
      if (isList(entry.name)) lists.set(entry.name, file);
      else if (isFolder && entry.isFile()) files.push(file);
    }
    if (!isFolder && !isList(basename(path))) files.push(path);
  }
  return { files, lists };
}

type Listed = { readonly wanted: Wanted; readonly sha256: string };
type Known = { readonly sums: ReadonlyMap<string, Listed>; readonly names: ReadonlyMap<string, Wanted> };

/** By published name. */
async function readSums({ lists }: Found): Promise<ReadonlyMap<string, Listed>> {
  const listed = new Map<string, Listed>();
  for (const arch of k3sArchs) {
    const list = lists.get(sumsName(arch));
    const sums = parseSums(list === undefined ? '' : await readFile(list, 'utf8'));
    for (const wanted of wantedFor([arch])) {
      const sha256 = sums.get(publishedName(wanted));
      if (sha256 !== undefined) listed.set(publishedName(wanted), { wanted, sha256 });
    }
  }
  return listed;
}

async function importFile(
  { onProgress, onFile, signal }: ImportOptions,
  shelf: Shelf,
  file: string,
  { sums, names }: Known,
): Promise<Result<'taken' | 'other', Problem>> {
  const name = basename(file);
  const named = wantedNamed(name);
  const listed = sums.get(name);
  if (named !== undefined && listed === undefined) return problem('NO_SUMS', noSums(file, named.arch));
  const reading = (what: string) => ({ onProgress: (done: number, of: number) => onProgress(what, done, of), signal });
  const { sha256 } = await readSum(file, { begin: 0, ...reading(`check ${name}`) });
  if (listed !== undefined && listed.sha256 !== sha256) {
    const detail = `${file} has the sum ${sha256}, and ${sumsName(listed.wanted.arch)} says ${listed.sha256}: it is damaged, or of another release`;
    return problem('WRONG_SUM', detail);
  }
  // One that was renamed is known by its sum.
  const wanted = listed?.wanted ?? names.get(sha256);
  if (wanted === undefined) return ok('other');
  if (await shelf.has(wanted, sha256, { signal })) {
    onFile(publishedName(wanted), 'here');
    return ok('taken');
  }
  await copyPart(file, shelf.partOf(wanted));
  const taken = await shelf.take(wanted, sha256, reading(`copy ${name}`));
  if (!taken.ok) return problem(taken.error.code, `${file} ${taken.error.detail}`);
  onFile(publishedName(wanted), 'imported');
  return ok('taken');
}

const noSums = (file: string, arch: K3sArch): string =>
  `${file}: put ${sumsName(arch)} of the same release beside it; without its sums nobody can tell whether it is whole`;

function nothingThere(from: readonly string[], hasSums: boolean): string {
  const names = wantedFor(k3sArchs).map(publishedName).join(', ');
  const where = from.join(', ');
  return hasSums
    ? `${where}: no file is one of ${names}`
    : `${where}: expected ${names}, with sha256sum-….txt beside them`;
}
