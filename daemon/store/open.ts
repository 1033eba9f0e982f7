/** Opens the store: checks and migrates the file, starts the writer, keeps one connection for reading. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseFile } from '../../config/backup-name.ts';
import type { Millis } from '../../config/values.ts';
import type { Clock, Log } from '../ports.ts';
import { connect } from './connect.ts';
import { asStoreError } from './error.ts';
import { prepareFile } from './prepare.ts';
import { createReader, type Reader } from './reader.ts';
import type { Store } from './store.ts';
import { startWriter, type Writer } from './writer.ts';

export type OpenStoreOptions = {
  /** Made if it does not exist (mode 0700). The file in it is `bramble.db`. */
  readonly directory: string;
  readonly log: Log;
  /** Aborting it is `close()`. */
  readonly signal: AbortSignal;
  /** Dates a file that is moved aside. */
  readonly clock?: Pick<Clock, 'now'>;
  /** Moves a corrupt file aside and starts empty. Without it that is a `StoreError` with `STORE_CORRUPT`. */
  readonly startEmptyIfCorrupt?: boolean;
  /** The writer thread's file; by default the one beside this file, as `.ts` or, in the bundle, as `.js`. */
  readonly writerUrl?: URL;
  /** Each transaction takes this much longer, in the writer thread. */
  readonly commitDelayForTests?: Millis;
};

/** Rejects with a `StoreError` whose message says what to do. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const path = join(options.directory, databaseFile);
  options.signal.throwIfAborted();
  try {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    await prepareFile(path, options);
    const data = { path, commitDelay: options.commitDelayForTests ?? 0 };
    const writer = await startWriter(options.writerUrl ?? defaultWriterUrl(), data);
    return await withReader(path, writer, options.signal);
  } catch (error) {
    throw asStoreError(error, `cannot open ${path}`);
  }
}

/** In the bundle all code is in one file, and this URL is that file's. */
const defaultWriterUrl = (): URL =>
  new URL(import.meta.url.endsWith('.ts') ? './writer-thread.ts' : './writer-thread.js', import.meta.url);

async function withReader(path: string, writer: Writer, signal: AbortSignal): Promise<Store> {
  try {
    const database = connect(path, 'read');
    const reader: Reader = createReader(database);
    // Now rather than in the middle of something: a damaged row ends the start.
    reader.snapshot();
    const close = async (): Promise<void> => {
      signal.removeEventListener('abort', onAbort);
      // The last connection to be closed moves the write-ahead log into the file, and this one could not.
      await writer.close(() => database.close());
      database.close();
    };
    const onAbort = (): void => void close();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const { commit, backUp, revision, counters, died } = writer;
    return { ...reader, commit, backUp, revision, counters, died, close };
  } catch (error) {
    await writer.close();
    throw error;
  }
}
