/** How the parts of the daemon live and end together. */
/**
 * Settles when every part has ended; never rejects. One that fails before `signal` is aborted breaks the whole: `broken` is
 * aborted with its error, and its signal has to end the others. Half a daemon that looks alive would serve nobody.
 */
export async function together(
  parts: readonly Promise<unknown>[],
  broken: AbortController,
  signal: AbortSignal,
): Promise<void> {
  const fail = (error: unknown): void => {
    if (!signal.aborted) broken.abort(error);
  };
  await Promise.all(parts.map((part) => part.catch(fail)));
}

/** Settles when the signal is aborted. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
