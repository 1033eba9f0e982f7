/** Files onto a board: whole, or not there. */
import { dirname } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, millis } from '../../config/values.ts';
import type { ByteSource } from '../ports.ts';
import type { RunOptions, SshProblem, SshSession } from './driver.ts';

/** 512 KiB/s, and time for a card that gathers its breath. */
export const putTime = (bytes: number): Millis => millis(60_000 + bytes / 512);

export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; ) {
    const chunk = new Uint8Array(Math.min(256 * 1024, source.size - at));
    const read = await source.read(chunk, at);
    if (read === 0) throw new Error(`the source ended at byte ${at} of ${source.size}`);
    yield chunk.subarray(0, read);
    at += read;
  }
}

/**
 * `cat` cannot tell a cut connection from the end of the content, so the length is checked before the file gets its name.
 * $1 path, $2 mode, $3 length in bytes.
 */
const receiveFile = `umask 077; mkdir -p "\${1%/*}/" && cat > "$1.new" && [ "$(wc -c < "$1.new")" -eq "$3" ] &&
chmod "$2" "$1.new" && mv -f "$1.new" "$1" || { rm -f "$1.new"; exit 1; }`;

export async function putFile(
  run: SshSession['run'],
  file: {
    readonly path: string;
    readonly mode: number;
    readonly bytes: number;
    readonly content: NonNullable<RunOptions['stdin']>;
  },
  timeout: Millis,
): Promise<Result<void, SshProblem | Problem<'PUT_FILE_FAILED'>>> {
  const { path, mode, bytes, content } = file;
  if (!path.startsWith('/') || dirname(path) === '/') throw new Error(`not a path below a folder: ${path}`);
  const words = ['-c', receiveFile, 'sh', path, mode.toString(8), String(bytes)];
  const end = await run('sh', words, { stdin: content, timeout });
  if (!end.ok) return end;
  return end.value.code === 0
    ? ok(undefined)
    : problem('PUT_FILE_FAILED', `${path}: ${end.value.stderr.trim().slice(0, 300)}`);
}
