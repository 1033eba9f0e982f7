/** SHA-256 sums that are published beside images. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ImageError } from './errors.ts';

export type PublishedSum = {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Where it is from: `--sha256`, or the file that holds it. */
  readonly from: string;
};

const MOST_BYTES = 1024 * 1024;

/**
 * The sum of one of `names` in the lines of sha256sum(1), either form. A text that is one sum and nothing else, or one
 * line, is taken whatever name stands in it if `single` says so: people rename downloads. Pure.
 */
export function sumIn(text: string, names: readonly string[], single: boolean): string | undefined {
  const sums = text.split(/\r?\n/).flatMap((line) => {
    const [, plain, name = ''] = /^([0-9a-f]{64})(?:\s+\*?(.*\S))?\s*$/i.exec(line) ?? [];
    const [, tagged = '', bsd] = /^SHA256 ?\((.+)\) ?= ?([0-9a-f]{64})\s*$/i.exec(line) ?? [];
    const sha256 = plain ?? bsd;
    return sha256 === undefined
      ? []
      : [{ sha256: sha256.toLowerCase(), name: basename(plain === undefined ? tagged : name) }];
  });
  const [only, ...more] = sums;
  const named = sums.find(({ name }) => names.includes(name));
  return named?.sha256 ?? (single && more.length === 0 ? only?.sha256 : undefined);
}

/** Beside `file`: `FILE.sha256`, `FILE.sha256sum`, `SHA256SUMS`. BASE_CHECKSUM if its own file holds no sum. */
export async function sumBeside(file: string, imageName: string): Promise<PublishedSum | undefined> {
  const names = [basename(file), imageName];
  for (const own of [`${file}.sha256`, `${file}.sha256sum`]) {
    const text = await smallText(own);
    if (text === undefined) continue;
    const sha256 = sumIn(text, names, true);
    if (sha256 !== undefined) return { sha256, from: own };
    throw new ImageError('BASE_CHECKSUM', `${own} holds no SHA-256 of ${basename(file)}: fetch it again, or remove it`);
  }
  const list = join(dirname(file), 'SHA256SUMS');
  const sha256 = sumIn((await smallText(list)) ?? '', names, false);
  return sha256 === undefined ? undefined : { sha256, from: list };
}

async function smallText(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    return size > MOST_BYTES ? '' : await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
