/** Where the base image comes from: what was named, what lies about, or what Raspberry Pi publishes. */
import { mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { download, downloadText } from '../cluster/download.ts';
import { parseSums } from '../cluster/release.ts';

/** The current Raspberry Pi OS Lite, 64 bits; its server sends on to the file of the day. */
export const defaultImageUrl = 'https://downloads.raspberrypi.com/raspios_lite_arm64_latest';

export type ImageSource =
  | { readonly is: 'file'; readonly path: string }
  /** To be fetched first. */
  | { readonly is: 'url'; readonly url: string };

/** `named` is what `--image` says; else the newest name among what lies in `folders`, in their order. */
export async function imageSource(named: string | undefined, folders: readonly string[]): Promise<ImageSource> {
  if (named !== undefined) return /^https?:\/\//.test(named) ? { is: 'url', url: named } : { is: 'file', path: named };
  for (const folder of folders) {
    const names = (await readdir(folder).catch((): string[] => [])).filter(isPublishedImage).sort();
    const name = names.at(-1);
    if (name !== undefined) return { is: 'file', path: join(folder, name) };
  }
  return { is: 'url', url: defaultImageUrl };
}

/** Named as they are published: nobody's backup of a card is taken for one. */
const isPublishedImage = (name: string): boolean => /^\d{4}-\d\d-\d\d-raspios-.*arm64.*\.img(\.xz|\.zip)?$/.test(name);

export type FetchImage = {
  readonly url: string;
  readonly folder: string;
  /** Without it, the sum that is published beside the file. */
  readonly sha256: string | undefined;
  readonly onProgress: (done: number, of: number) => void;
  readonly signal: AbortSignal;
};

/** No published image is as large. */
const maxBytes = 16 * 2 ** 30;

/** The sum is compared as it is imported. What came is kept when it breaks off: the next call goes on. */
export async function fetchImage(
  options: FetchImage,
): Promise<Result<{ readonly path: string; readonly sha256: string }, Problem>> {
  const { folder, signal } = options;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const found = await resolved(options);
  if (!found.ok) return found;
  const url = found.value;
  const path = join(folder, basename(new URL(url).pathname) || 'image');
  const sum = options.sha256 ?? (await publishedSum(url, path, options));
  if (sum === undefined)
    return problem('NO_SUM', `${url} has no sum beside it (.sha256): give it with --sha256, or a file with --image`);
  const got = await download({ ...options, url, part: `${path}.part`, maxBytes, signal });
  if (!got.ok)
    return problem(
      got.error.code,
      `${url}: ${got.error.detail}. What came is kept: the same command goes on. Without internet: --image FILE`,
    );
  await rename(`${path}.part`, path);
  return ok({ path, sha256: sum });
}

/** What an address that stays sends on to: going on in another day's file would be in vain. */
async function resolved({ url, signal }: FetchImage): Promise<Result<string, Problem>> {
  const response = await fetch(url, {
    method: 'HEAD',
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  }).catch((error: unknown) =>
    error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error),
  );
  signal.throwIfAborted();
  if (typeof response === 'string')
    return problem('UNREACHABLE', `${url}: ${response}. Without internet: --image FILE`);
  if (!response.ok)
    return problem('UNREACHABLE', `${url}: the server answers HTTP ${response.status}. Without internet: --image FILE`);
  return ok(response.url);
}

async function publishedSum(url: string, path: string, options: FetchImage): Promise<string | undefined> {
  const { signal } = options;
  const text = await downloadText({ url: `${url}.sha256`, part: `${path}.sums`, signal });
  if (!text.ok) return undefined;
  const [only] = parseSums(text.value).values();
  return only ?? /^[0-9a-f]{64}$/i.exec(text.value.trim())?.[0].toLowerCase();
}
