/** A root shell on a board, for as long as some work on it takes; and the wait until there is one. */
import { ok, type Result } from '../../config/result.ts';
import { type Millis, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { SshProblem, SshSession } from './driver.ts';
import { retryIntervals } from './intervals.ts';
import { openConnection, type SshTarget, type WithSshOptions } from './ssh-connection.ts';
import type { PeerSession } from './ssh-reach.ts';

/** Of one attempt: a login takes a starting Pi 2 over a second, and an address that nobody has yet fails after three. */
const loginTimeout = seconds(5);

/**
 * Connects, works, disconnects; settles once the connection is closed. An aborted signal ends it at once, with the
 * signal's reason thrown. `shown`: which of the host keys it was.
 */
export async function withSsh<T>(
  options: WithSshOptions,
  work: (session: SshSession & PeerSession, shown: string) => Promise<T>,
): Promise<Result<T, SshProblem>> {
  const { signal } = options;
  signal.throwIfAborted();
  const opened = await openConnection(options);
  if (!opened.ok) {
    signal.throwIfAborted();
    return opened;
  }
  const { session, shown, close } = opened.value;
  try {
    signal.throwIfAborted();
    return ok(await work(session, shown));
  } finally {
    await close();
    signal.throwIfAborted();
  }
}

/**
 * Tries until the board's sshd answers with the right key and takes ours. While a board starts, refused connections,
 * silence and even a foreign host key (the image's stock sshd, before its key is replaced) mean only: wait. The last
 * problem is told when `deadline` is over. Throws the signal's reason.
 */
export async function awaitSsh(
  options: SshTarget & {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly deadline: Millis;
    /** Of a board that has shown its key before. */
    readonly foreignKeyEnds?: boolean;
  },
): Promise<Result<void, SshProblem>> {
  const { clock, signal, deadline } = options;
  // Slept, not read off: the wall clock may be set meanwhile.
  const [late, over] = [new AbortController(), new AbortController()];
  clock.sleep(deadline, AbortSignal.any([signal, over.signal])).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    for (const pause of retryIntervals()) {
      const answered = await withSsh({ ...options, timeout: loginTimeout }, async () => undefined);
      if (answered.ok || late.signal.aborted) return answered;
      if (options.foreignKeyEnds && answered.error.code === 'SSH_HOST_KEY_CHANGED') return answered;
      await clock.sleep(pause, AbortSignal.any([signal, late.signal])).catch(() => signal.throwIfAborted());
      if (late.signal.aborted) return answered;
    }
    throw new Error('unreachable: the intervals never end');
  } finally {
    over.abort();
  }
}
