/** The main thread's end of the writer: queues batches while the thread works, then sends all of them as one group. */
import { Worker } from 'node:worker_threads';
import type { Backup } from './backup.ts';
import { StoreError } from './error.ts';
import type { StoreCounters, Write } from './store.ts';
import type { Outcome } from './transaction.ts';
import { asWriterReply, type WriterData, type WriterRequest } from './writer-messages.ts';

export type Writer = {
  readonly commit: (batch: readonly Write[]) => Promise<number>;
  /** One at a time: whoever asks while one is made gets that one. */
  readonly backUp: (now: number) => Promise<Backup | undefined>;
  readonly revision: () => number;
  readonly counters: () => StoreCounters;
  /** Never rejects. */
  readonly died: Promise<StoreError>;
  /** `atTheEnd` is called when all commits are done, just before the thread closes the file. */
  readonly close: (atTheEnd?: () => void) => Promise<void>;
};

type Waiting = {
  readonly batch: readonly Write[];
  readonly resolve: (revision: number) => void;
  readonly reject: (error: StoreError) => void;
};

/** Bounds one transaction, and with it the time that the first in the queue waits. */
const batchesPerGroup = 256;
/** A disk that does not answer must not fill the memory. */
const longestQueue = 4096;

/** Settles once the thread has the file open; rejects with a `StoreError` if it cannot. */
export async function startWriter(url: URL, data: WriterData): Promise<Writer> {
  const worker = new Worker(url, { workerData: data });
  const died = Promise.withResolvers<StoreError>();
  const exited = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  let revision = 0;
  let counters: StoreCounters = { transactions: 0, batches: 0, rejected: 0 };
  let queue: Waiting[] = [];
  let inFlight: readonly Waiting[] = [];
  let refusal: StoreError | undefined;
  let backup: PromiseWithResolvers<Backup | undefined> | undefined;
  let sending = false;
  let closing = false;
  let atTheEnd = (): void => {};

  const send = (): void => {
    sending = false;
    if (inFlight.length > 0) return;
    if (queue.length > 0) {
      inFlight = queue.slice(0, batchesPerGroup);
      queue = queue.slice(batchesPerGroup);
      post({ type: 'write', batches: inFlight.map((waiting) => waiting.batch) });
    } else if (closing) {
      atTheEnd();
      post({ type: 'close' });
    }
  };
  const post = (request: WriterRequest): void => {
    try {
      worker.postMessage(request);
    } catch (error) {
      // Something that cannot be copied to another thread: a mistake of ours, and of all in this group.
      settle(inFlight.map(() => ({ ok: false, code: 'STORE_FAILED', message: String(error) })));
    }
  };
  const settle = (outcomes: readonly Outcome[]): void => {
    const settled = inFlight;
    inFlight = [];
    for (const [index, waiting] of settled.entries()) {
      const outcome = outcomes[index];
      if (outcome?.ok === true) {
        revision = Math.max(revision, outcome.revision);
        waiting.resolve(outcome.revision);
      } else {
        waiting.reject(
          new StoreError(outcome?.code ?? 'STORE_FAILED', `not written: ${outcome?.message ?? 'no answer'}`),
        );
      }
    }
    send();
  };
  const die = (reason: string, cause?: unknown): void => {
    if (refusal?.code === 'STORE_WRITER_DIED') return;
    refusal = new StoreError('STORE_WRITER_DIED', `the database writer ended: ${reason}`, { cause });
    for (const waiting of [...inFlight, ...queue]) waiting.reject(refusal);
    inFlight = [];
    queue = [];
    backup?.reject(refusal);
    backup = undefined;
    ready.reject(refusal);
    died.resolve(refusal);
  };

  worker.on('message', (message: unknown) => {
    const reply = asWriterReply(message);
    if (reply.type === 'written') {
      counters = reply.counters;
      settle(reply.outcomes);
    } else if (reply.type === 'backed-up') {
      backup?.resolve(reply.backup);
      backup = undefined;
    } else if (reply.type === 'not-backed-up') {
      backup?.reject(new StoreError(reply.code, reply.message));
      backup = undefined;
    } else if (reply.type === 'ready') {
      revision = reply.revision;
      ready.resolve();
    } else {
      ready.reject(new StoreError(reply.code, reply.message));
    }
  });
  worker.on('messageerror', (error) => die('unreadable message', error));
  worker.on('error', (error: Error) => die(error.message, error));
  worker.on('exit', (code) => {
    if (!closing || inFlight.length > 0) die(`exit code ${code}`);
    backup?.reject(refusal ?? new StoreError('STORE_CLOSED', 'the database is closed'));
    exited.resolve();
  });

  try {
    await ready.promise;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    commit: (batch) =>
      new Promise((resolve, reject) => {
        if (refusal !== undefined) return reject(refusal);
        if (queue.length >= longestQueue) return reject(overloaded());
        queue.push({ batch, resolve, reject });
        // Not at once: whatever is committed in this turn of the event loop goes into the same transaction.
        if (!sending) queueMicrotask(send);
        sending = true;
      }),
    backUp: async (now) => {
      if (refusal !== undefined) throw refusal;
      if (backup === undefined) {
        backup = Promise.withResolvers();
        post({ type: 'back-up', now });
      }
      return await backup.promise;
    },
    revision: () => revision,
    counters: () => counters,
    died: died.promise,
    close: async (last) => {
      refusal ??= new StoreError('STORE_CLOSED', 'the database is closed');
      if (!closing) {
        closing = true;
        atTheEnd = last ?? atTheEnd;
        if (!sending) send();
      }
      await exited.promise;
    },
  };
}

const overloaded = (): StoreError =>
  new StoreError('STORE_OVERLOADED', `${longestQueue} commits wait for the disk already: it is too slow, or it hangs`);
