/** The firmware's settings on the boot partition: which of them count for a model, and that it reads them at all. Pure. */

import { ok, problem, type Result } from '../config/result.ts';
import type { Model } from '../config/values.ts';
import type { ImageProblem } from './errors.ts';

/** Sections that count for a model beside `[all]` (Raspberry Pi documentation, config.txt, conditional filters). */
const sectionsOf: Readonly<Record<Model, readonly string[]>> = {
  pi2: ['pi2'],
  pi3: ['pi3'],
  'pi3b+': ['pi3', 'pi3+'],
  pi4: ['pi4'],
  pi400: ['pi4', 'pi400'],
  cm4: ['pi4', 'cm4'],
  pi5: ['pi5'],
  pi500: ['pi5', 'pi500'],
  cm5: ['pi5', 'cm5'],
};

/**
 * What holds for a board of this model (undefined: for any), lower-case names, the last line of a name wins. Sections that
 * ask for something else than the model (`[gpio4=1]`, `[tryboot]`) are left out.
 */
export function bootSettings(text: string, model: Model | undefined): ReadonlyMap<string, string> {
  const ours = ['all', ...(model === undefined ? [] : sectionsOf[model])];
  const settings = new Map<string, string>();
  let counts = true;
  for (const line of linesOf(text)) {
    const section = /^\[(.*)\]$/.exec(line)?.[1];
    const [, name = '', value = ''] = /^([^#=]+)=(.*)$/.exec(line) ?? [];
    if (section !== undefined) counts = ours.includes(section.toLowerCase());
    else if (counts && name !== '') settings.set(name.trim().toLowerCase(), value.trim());
  }
  return settings;
}

const linesOf = (text: string): readonly string[] => text.split(/\r?\n/).map((line) => line.trim());

/** Where the firmware looks for the kernel command line. */
export function cmdlinePath(settings: ReadonlyMap<string, string>): string {
  return `${settings.get('os_prefix') ?? ''}${settings.get('cmdline') ?? 'cmdline.txt'}`;
}

/** Quirk: a config.txt of this size or more is ignored as a whole, without a word (facts 11, 6). */
const TOO_LONG = 4096;

/**
 * The base's own file, mended where the firmware would ignore all of it: other characters than ASCII become `?` in comments,
 * and comments go if it is too long. `undefined`: it stays as it is. PLAN_BAD_CONFIG if a setting would have to change.
 */
export function planConfigTxt(existing: string): Result<string | undefined, ImageProblem> {
  if (isRead(existing)) return ok(undefined);
  const lines = existing.replace(/^\uFEFF/, '').split(/\r?\n/);
  const odd = lines.findIndex((line) => !isComment(line) && !isAscii(line));
  if (odd >= 0) {
    const where = `line ${odd + 1} of the base's config.txt is not ASCII`;
    return problem('PLAN_BAD_CONFIG', `${where}, so that boards would ignore the whole file: correct it in the image`);
  }
  const ascii = lines.map((line) => line.replace(/[^\t\x20-\x7e]/gu, '?')).join('\n');
  if (isRead(ascii)) return ok(ascii);
  const bare = ascii.split('\n').filter((line) => line.trim() !== '' && !isComment(line));
  const short = `${bare.join('\n')}\n`;
  return isRead(short)
    ? ok(short)
    : problem('PLAN_BAD_CONFIG', `the base's config.txt has ${short.length} bytes, boards ignore ${TOO_LONG} or more`);
}

const isComment = (line: string): boolean => /^\s*#/.test(line);
const isAscii = (text: string): boolean => /^[\t\r\n\x20-\x7e]*$/.test(text);
const isRead = (text: string): boolean => isAscii(text) && text.length < TOO_LONG;
