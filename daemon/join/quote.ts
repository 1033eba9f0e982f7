/**
 * Words for a POSIX shell: an SSH command is one string that the board's login shell splits again (RFC 4254 6.5), so an
 * array of arguments has to be quoted to arrive as it is. Every word is quoted; there is no list of harmless characters.
 */
export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}

/** POSIX.1-2017 XCU 2.2.2: inside single quotes everything is literal, except the single quote itself. */
export function quoteWord(word: string): string {
  if (word.includes('\0')) throw new Error('an argument cannot hold a NUL');
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
