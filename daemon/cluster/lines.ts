/** Splits a stream of bytes into lines, with a bound on how long one may be. */

export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

/**
 * Feed it chunks as they come; it gives each finished line once, without its end. UTF-8 is decoded per line, so a
 * character may be cut anywhere. Throws LineTooLong as soon as a line exceeds `limit` bytes, finished or not.
 */
export function lineSplitter(limit: number): (chunk: Buffer) => readonly string[] {
  let parts: Buffer[] = [];
  let pending = 0;
  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      if (pending + end - start > limit) throw new LineTooLong(`more than ${limit} bytes`);
      lines.push(Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8'));
      parts = [];
      pending = 0;
      start = end + 1;
    }
    pending += chunk.length - start;
    if (pending > limit) throw new LineTooLong(`more than ${limit} bytes`);
    // A copy: the rest of a chunk is small, and must not keep the whole chunk in memory.
    if (start < chunk.length) parts.push(Buffer.from(chunk.subarray(start)));
    return lines;
  };
}
