/** Patterns of names, as a shell has them: `*` any characters, `?` one. Everything else stands for itself. */

/** Linear in the length of both: no pattern makes it slow. */
export function matchesGlob(pattern: string, text: string): boolean {
  let [at, from] = [0, 0];
  let star: { readonly pattern: number; text: number } | undefined;
  while (from < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = { pattern: at + 1, text: from };
      at += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[from])) {
      at += 1;
      from += 1;
    } else if (star !== undefined) {
      // The last star takes one character more.
      star.text += 1;
      at = star.pattern;
      from = star.text;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
