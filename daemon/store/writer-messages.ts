/** What the main thread and the writer thread say to each other. Both ends are this program: the casts are all here. */
import type { Backup } from './backup.ts';
import type { StoreErrorCode } from './error.ts';
import type { StoreCounters, Write } from './store.ts';
import type { Outcome } from './transaction.ts';

/** `commitDelay` in milliseconds. */
export type WriterData = { readonly path: string; readonly commitDelay: number };

export type WriterRequest =
  | { readonly type: 'write'; readonly batches: readonly (readonly Write[])[] }
  /** `now`: milliseconds since 1970, for its name. */
  | { readonly type: 'back-up'; readonly now: number }
  /** The thread ends by itself once the file is closed. */
  | { readonly type: 'close' };

export type WriterReply =
  | { readonly type: 'ready'; readonly revision: number }
  | { readonly type: 'failed'; readonly code: StoreErrorCode; readonly message: string }
  | { readonly type: 'written'; readonly outcomes: readonly Outcome[]; readonly counters: StoreCounters }
  /** `backup` undefined: nothing had changed. */
  | { readonly type: 'backed-up'; readonly backup: Backup | undefined }
  | { readonly type: 'not-backed-up'; readonly code: StoreErrorCode; readonly message: string };

export const asWriterData = (value: unknown): WriterData => value as WriterData;
export const asWriterRequest = (value: unknown): WriterRequest => value as WriterRequest;
export const asWriterReply = (value: unknown): WriterReply => value as WriterReply;
