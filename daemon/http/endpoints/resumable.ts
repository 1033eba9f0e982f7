/** A download that goes on by `offset` after it broke off: busybox wget gives up on 206, so it is no Range. */
import type { ByteSource } from '../../ports.ts';
import { type Answer, text } from '../answer.ts';
import type { HttpRequest } from '../router.ts';

/** 200 with the rest of `source` from `offset=` on, with its length. 404 without a source, 400 for an offset beyond it. */
export async function resumable(
  { query }: Pick<HttpRequest, 'query'>,
  what: string,
  open: () => Promise<ByteSource | undefined>,
): Promise<Answer> {
  const offset = wholeNumber(query.get('offset') ?? '0');
  if (offset === undefined) return text('error=offset= takes a number of bytes\n', 400);
  const source = await open();
  if (source === undefined) return text(`error=there is no such ${what}\n`, 404);
  if (offset <= source.size) return { kind: 'bytes', source, offset };
  await source.close();
  return text(`error=offset= is beyond the end (${source.size} bytes)\n`, 400);
}

export function wholeNumber(given: string): number | undefined {
  const number = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

export const isSha256 = (given: string): boolean => /^[0-9a-f]{64}$/.test(given);
