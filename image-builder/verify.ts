/** Whether a base is still what was imported: cards and disks forget. */
import { createHash } from 'node:crypto';
import { problem, type Result } from '../config/result.ts';
import type { Base } from './base.ts';
import { readExactly } from './device.ts';
import { attempt, type ImageProblem } from './errors.ts';

const CHUNK = 2 ** 20;

/** Reads all of it again. BASE_CHANGED if its sum is another one, IMAGE_IO. Throws the signal's reason. */
export async function verifyBase(
  base: Base,
  options: { readonly signal: AbortSignal; readonly onProgress: (done: number, of: number) => void },
): Promise<Result<{ readonly sha256: string }, ImageProblem>> {
  const sum = await attempt(async () => {
    const whole = createHash('sha256');
    const buffer = Buffer.alloc(CHUNK);
    for (let at = 0; at < base.bytes; ) {
      options.signal.throwIfAborted();
      const chunk = buffer.subarray(0, Math.min(CHUNK, base.bytes - at));
      await readExactly(base.source, chunk, at);
      whole.update(chunk);
      at += chunk.length;
      options.onProgress(at, base.bytes);
    }
    return whole.digest('hex');
  });
  if (!sum.ok) return sum;
  if (sum.value === base.sha256) return { ok: true, value: { sha256: sum.value } };
  const detail = `its SHA-256 is ${sum.value}, and was ${base.sha256} when it was imported: remove it and add it again`;
  return problem('BASE_CHANGED', detail);
}
