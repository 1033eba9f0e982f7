/**
 * Reads a list object by object while it comes in: of a page of 500 pods no more than one is held at a time, and of what is thrown
 * away nothing gets old (50,000 pods: 250 MB less). Pure.
 */
import type { Result } from '../../config/result.ts';
import { LineTooLong } from './lines.ts';
import { type ListPage, readListPage, type WatchProblem } from './watch-event.ts';

export type ListReader = {
  /** Calls `onItem` for each object that is complete by now. Throws SyntaxError for what is no JSON, LineTooLong beyond the limit. */
  readonly push: (chunk: Buffer) => void;
  /** The list without its items. Throws as well. */
  readonly end: () => Result<ListPage, WatchProblem>;
};

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** `limit`: bytes of one object, and of the list without its objects. */
export function createListReader(limit: number, onItem: (object: unknown) => void): ListReader {
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  /** In the array of items; its objects open at depth 2. */
  let isInItems = false;
  let wasItems = false;
  /** Bytes of the last text of the list itself: before an array, that is its name. */
  let key: number[] = [];
  /** Of earlier chunks: the object that is being read, and all but the items. */
  let parts: Buffer[] = [];
  const around: Buffer[] = [];
  const held = { parts: 0, around: 0 };

  const isItems = (): boolean => !wasItems && Buffer.from(key).toString('latin1') === 'items';

  /** A copy: a chunk is bigger than what is left of it, and is used again. */
  const hold = (where: keyof typeof held, bytes: Buffer): void => {
    held[where] += bytes.length;
    if (held[where] > limit) throw new LineTooLong(`more than ${limit} bytes`);
    (where === 'parts' ? parts : around).push(Buffer.from(bytes));
  };
  const finish = (bytes: Buffer): void => {
    if (held.parts + bytes.length > limit) throw new LineTooLong(`more than ${limit} bytes`);
    const whole = parts.length === 0 ? bytes : Buffer.concat([...parts, bytes]);
    [parts, held.parts] = [[], 0];
    onItem(JSON.parse(whole.toString('utf8')));
  };

  const push = (chunk: Buffer): void => {
    /** Where what was not put anywhere yet begins. */
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isInString = false;
        else if (depth === 1 && byte !== undefined && key.length < 16) key.push(byte);
        continue;
      }
      switch (byte) {
        case quote:
          isInString = true;
          if (depth === 1) key = [];
          break;
        case openBrace:
        case openBracket:
          if (depth === 1 && byte === openBracket && isItems()) {
            [isInItems, wasItems] = [true, true];
            hold('around', chunk.subarray(from, at + 1));
            from = at + 1;
          }
          depth += 1;
          break;
        case closeBrace:
        case closeBracket:
          depth -= 1;
          if (isInItems && depth === 2) {
            finish(chunk.subarray(from, at + 1));
            from = at + 1;
          } else if (isInItems && depth === 1) {
            isInItems = false;
            from = at;
          }
          break;
        case comma:
          // Between two objects.
          if (isInItems && depth === 2) from = at + 1;
          break;
      }
    }
    if (from < chunk.length) hold(isInItems ? 'parts' : 'around', chunk.subarray(from));
  };

  return { push, end: () => readListPage(JSON.parse(Buffer.concat(around).toString('utf8'))) };
}
