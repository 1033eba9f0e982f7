/** Backoff for an API server that is away for a moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../control-plane/api-client.ts';

/** 200 ms, doubling to 5 s, for ever. */
export function* intervals(first = 200, cap = 5000): Generator<number, never> {
  for (let wait = first; ; wait = Math.min(wait * 2, cap)) yield wait;
}

/** What waiting may mend: no answer at all, too many requests, a server in trouble. */
export const isPassing = (error: unknown): boolean =>
  !(error instanceof ApiError) || error.status === 429 || error.status >= 500;

type RetryOptions = {
  readonly deadline: number;
  readonly signal?: AbortSignal;
  readonly worthRetrying?: (error: unknown) => boolean;
};

/** Tries until it works, the deadline has passed, or trying again cannot help; throws the last error. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { deadline, signal, worthRetrying = isPassing } = options;
  for (const wait of intervals()) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted || !worthRetrying(error) || Date.now() + wait > deadline) throw error;
      await sleep(wait, undefined, { signal });
    }
  }
  throw new Error('unreachable');
}
