/** For what nothing tells when it comes true. */
import { setTimeout as sleep } from 'node:timers/promises';

type Found<T> = T | false | undefined;

/** Looks every `pauseMs` until there is something, and settles with that; throws once `seconds` are over, naming `what`. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<Found<T>> | Found<T>,
  pauseMs = 200,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${seconds} s went by without: ${what}`);
    await sleep(pauseMs);
  }
}
