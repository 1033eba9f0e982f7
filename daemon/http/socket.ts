import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

/** Removes a unix socket that nobody answers on. Anything else at `path` stays, and is a problem. */
export async function clearStaleSocket(
  path: string,
): Promise<Result<void, Problem<'ADDRESS_IN_USE' | 'CANNOT_LISTEN'>>> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return ok(undefined);
  if (!there.isSocket()) return problem('CANNOT_LISTEN', `${path} exists and is not a socket`);
  if (await answers(path)) return problem('ADDRESS_IN_USE', `another process answers on ${path}`);
  try {
    await unlink(path);
    return ok(undefined);
  } catch (error) {
    return problem('CANNOT_LISTEN', error instanceof Error ? error.message : String(error));
  }
}

/** Only a refusal proves that nobody is there. */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
