/** Which file a request means. The names come from boot firmware, and from anybody on the LAN. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

export type NameProblem = Problem<'NOT_FOUND' | 'DENIED'>;

const nameMax = 255;

/**
 * The name relative to the served root, with single slashes and no leading one. A Pi 5 asks for `7bf18f79//config.txt`,
 * os_prefix can make absolute names (facts 4.2). What could leave a root on some system is `DENIED`, not repaired.
 */
export function normaliseName(name: string): Result<string, NameProblem> {
  if (name.length > nameMax) return problem('NOT_FOUND', 'the name is too long');
  if (!/^[\x20-\x7e]*$/.test(name) || name.includes('\\')) return problem('DENIED', 'illegal character in the name');
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) return problem('DENIED', 'the name leaves the served folder');
  return segments.length === 0 ? problem('NOT_FOUND', 'no file name') : ok(segments.join('/'));
}
