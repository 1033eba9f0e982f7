/** How much memory is held, for tests of what goes on for days. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Bytes on the heap after everything that nobody holds was thrown away. */
export function heldBytes(): number {
  if (typeof collect !== 'function') throw new Error('no gc');
  collect();
  return process.memoryUsage().heapUsed;
}
