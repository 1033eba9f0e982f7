/** `bramble cluster fetch`: a release into the daemon's data, from where it is published or from files that were brought here. */
import type { K3sArch } from '../../config/k3s-release.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { download, downloadText } from './download.ts';
import { ioProblem } from './io.ts';
import { parseSums, publishedName, releaseUrl, sumsName, type Wanted, wantedFor } from './release.ts';
import { openShelf, type Shelf } from './shelf.ts';

export type FetchOptions = {
  readonly data: string;
  readonly version: string;
  readonly archs: readonly K3sArch[];
  readonly url: string;
  /** Bytes; `what` names the file and what is done with it. */
  readonly onProgress: (what: string, done: number, of: number) => void;
  /** What became of each file. */
  readonly onFile: (name: string, how: 'fetched' | 'imported' | 'here') => void;
  readonly signal: AbortSignal;
  /** For tests: see `DownloadOptions`. */
  readonly waits?: readonly number[];
  readonly stallMs?: number;
};

/** No file of a release is half as large. */
const maxBytes = 2 * 2 ** 30;

/** Files that are here are read, not fetched again. Rejects with the signal's reason; the same call goes on where it was. */
export async function fetchRelease(options: FetchOptions): Promise<Result<void, Problem>> {
  const { data, version, archs } = options;
  try {
    const shelf = await openShelf(data, version);
    for (const arch of archs) {
      const sums = await sumsOf(options, shelf, arch);
      if (!sums.ok) return sums;
      for (const wanted of wantedFor([arch])) {
        const got = await fetchFile(options, shelf, wanted, sums.value.get(publishedName(wanted)) ?? '');
        if (!got.ok) return got;
      }
    }
    return ok(undefined);
  } catch (error) {
    options.signal.throwIfAborted();
    return ioProblem(error);
  }
}

/** As they were kept, where they were: what is here is here without its server, too. A release does not change. */
async function sumsOf(
  options: FetchOptions,
  shelf: Shelf,
  arch: K3sArch,
): Promise<Result<ReadonlyMap<string, string>, Problem>> {
  const name = sumsName(arch);
  const names = wantedFor([arch]).map(publishedName);
  const isWhole = (sums: ReadonlyMap<string, string>): boolean => names.every((one) => sums.has(one));
  const kept = parseSums(await shelf.sums.read(name));
  if (isWhole(kept)) return ok(kept);
  const url = releaseUrl(options.url, options.version, name);
  const text = await downloadText({ ...options, url, part: `${shelf.folder}/${name}.part` });
  if (!text.ok) return problem(text.error.code, explained(text.error, url, options));
  const sums = parseSums(text.value);
  if (!isWhole(sums))
    return problem('NO_SUMS', `${url} has no sums of ${names.join(' and ')}: is it a release of k3s?`);
  await shelf.sums.keep(name, text.value);
  return ok(sums);
}

async function fetchFile(
  options: FetchOptions,
  shelf: Shelf,
  wanted: Wanted,
  sha256: string,
): Promise<Result<void, Problem>> {
  const { onProgress, onFile, signal } = options;
  const name = publishedName(wanted);
  const checking = { onProgress: (done: number, of: number) => onProgress(`check ${name}`, done, of), signal };
  if (await shelf.has(wanted, sha256, checking)) {
    onFile(name, 'here');
    return ok(undefined);
  }
  const url = releaseUrl(options.url, options.version, name);
  const part = shelf.partOf(wanted);
  // What an earlier run began may be of other bytes: then once more, from the beginning.
  for (const isLast of [false, true]) {
    const got = await download({
      ...{ ...options, url, part, maxBytes },
      onProgress: (done, of) => onProgress(`fetch ${name}`, done, of),
    });
    if (!got.ok) return problem(got.error.code, explained(got.error, url, options));
    const taken = await shelf.take(wanted, sha256, checking);
    if (taken.ok) break;
    if (!isLast) continue;
    // The list may be what is wrong.
    await shelf.sums.forget(sumsName(wanted.arch));
    return problem(
      taken.error.code,
      `${url} ${taken.error.detail}: it was not kept; run it again, or look who answers there`,
    );
  }
  onFile(name, 'fetched');
  return ok(undefined);
}

function explained({ code, detail }: Problem, url: string, { version }: FetchOptions): string {
  switch (code) {
    case 'NOT_PUBLISHED':
      return `${url}: ${detail}: is ${version} a release of k3s?`;
    case 'UNREACHABLE':
      return `${url}: ${detail}. What came is kept: the same command goes on. Without internet: fetch the files elsewhere, and --from FOLDER`;
    case 'TOO_LARGE':
      return `${url}: ${detail}: that is no file of k3s`;
    default:
      return detail;
  }
}
