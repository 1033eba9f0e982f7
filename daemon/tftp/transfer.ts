/**
 * One transfer to one client as data (RFC 1350, 7440). Blocks are counted from 1 without end here; the wire has their low
 * 16 bits. The edge carries out the actions in order and reports what came of them as events.
 */
import { assertNever } from '../../config/result.ts';
import { type Instant, type Millis, millis, seconds, since } from '../../config/values.ts';
import type { Agreement } from './negotiate.ts';
import { errorCode } from './packet.ts';

export type Transfer = {
  readonly phase: 'offering' | 'sending' | 'ended';
  readonly terms: Terms;
  /** The client has all blocks up to this one. */
  readonly acked: number;
  /** The last block that was sent; `sent - acked` are in flight. */
  readonly sent: number;
  /** The last block that the edge has in memory. */
  readonly inMemory: number;
  /** Retransmissions since the last progress. */
  readonly retries: number;
  /** When a window was last sent again because the client said that it has a gap. */
  readonly resentAt: Instant | undefined;
};

type Terms = {
  readonly size: number;
  readonly blksize: number;
  readonly windowsize: number;
  readonly timeout: Millis | undefined;
  /** The one that is shorter than blksize and so ends the transfer; it may be empty. */
  readonly lastBlock: number;
};

export type TransferEvent =
  | { readonly event: 'ack'; readonly block: number }
  | { readonly event: 'error'; readonly code: number; readonly message: string }
  /** The time of the last `arm` passed. */
  | { readonly event: 'timeout' }
  | { readonly event: 'data-read'; readonly upTo: number }
  | { readonly event: 'read-failed' };

export type TransferAction =
  | { readonly action: 'send-oack' }
  | { readonly action: 'send-data'; readonly from: number; readonly to: number }
  | { readonly action: 'send-error'; readonly code: number; readonly message: string }
  /** Replaces the one before. */
  | { readonly action: 'arm'; readonly wait: Millis }
  | { readonly action: 'finish'; readonly ended: Ended };

/** `aborted`: the client had enough (an existence probe ends so), or our file could not be read. */
export type Ended = 'complete' | 'aborted' | 'timeout';
export type Step = { readonly transfer: Transfer; readonly actions: readonly TransferAction[] };

/** Quirk: start4.elf acknowledges a doubled block as the next one and hangs (facts 2.6): never sooner than this. */
const retransmitAfter = seconds(1);
const retransmitAfterMax = seconds(4);
const retriesMax = 6;
/** One gap makes a client repeat its ACK for every block behind it; one window is the answer to all of them. */
const resendPause = millis(50);
const none: readonly TransferAction[] = [];

/** The OACK, or, when no option was agreed, nothing until block 1 is in memory. */
export function beginTransfer(agreement: Agreement, size: number): Step {
  const { blksize, windowsize, timeout } = agreement;
  const terms = { size, blksize, windowsize, timeout, lastBlock: Math.floor(size / blksize) + 1 };
  const offering = agreement.acknowledged.length > 0;
  const phase = offering ? 'offering' : 'sending';
  const transfer: Transfer = { phase, terms, acked: 0, sent: 0, inMemory: 0, retries: 0, resentAt: undefined };
  return { transfer, actions: offering ? [{ action: 'send-oack' }, arm(transfer)] : none };
}

/** Events that come after the end change nothing. */
export function stepTransfer(transfer: Transfer, event: TransferEvent, now: Instant): Step {
  if (transfer.phase === 'ended') return { transfer, actions: none };
  switch (event.event) {
    case 'ack':
      return onAck(transfer, event.block, now);
    case 'data-read':
      return onDataRead({ ...transfer, inMemory: Math.max(transfer.inMemory, event.upTo) });
    case 'timeout':
      return onTimeout(transfer);
    case 'error':
      // Quirk: ERROR 0 "Early terminate" is how the firmware asks whether a file exists: an end like any other.
      return finish(transfer, 'aborted');
    case 'read-failed':
      return finish(transfer, 'aborted', [
        { action: 'send-error', code: errorCode.notDefined, message: 'The file could not be read' },
      ]);
    default:
      return assertNever(event);
  }
}

/** How much of the file the client has for certain. */
export const bytesAcked = ({ acked, terms }: Transfer): number => Math.min(terms.size, acked * terms.blksize);

function onAck(transfer: Transfer, wireBlock: number, now: Instant): Step {
  if (transfer.phase === 'offering') {
    return wireBlock === 0 ? sendWindow({ ...transfer, phase: 'sending', retries: 0 }) : { transfer, actions: none };
  }
  const advance = (wireBlock - transfer.acked) & 0xffff;
  const inFlight = transfer.sent - transfer.acked;
  if (advance === 0) return onDuplicateAck(transfer, inFlight, now);
  if (advance > inFlight) return { transfer, actions: none };
  const acked = transfer.acked + advance;
  if (acked === transfer.terms.lastBlock) return finish({ ...transfer, acked }, 'complete');
  // An ACK inside the window tells of a gap behind it: go on from there (RFC 7440 section 4).
  const resentAt = acked < transfer.sent ? now : undefined;
  return sendWindow({ ...transfer, acked, sent: acked, retries: 0, resentAt });
}

/** Lock-step: never an answer, or each further block goes twice (Sorcerer's Apprentice, RFC 1123 4.2.3.1). */
function onDuplicateAck(transfer: Transfer, inFlight: number, now: Instant): Step {
  if (transfer.terms.windowsize === 1 || inFlight === 0) return { transfer, actions: none };
  const age = transfer.resentAt === undefined ? resendPause : since(transfer.resentAt, now);
  if (age >= 0 && age < resendPause) return { transfer, actions: none };
  return sendWindow({ ...transfer, sent: transfer.acked, resentAt: now });
}

function onDataRead(transfer: Transfer): Step {
  const { phase, acked, sent, terms } = transfer;
  const windowOpen = phase === 'sending' && sent < Math.min(acked + terms.windowsize, terms.lastBlock);
  return windowOpen ? sendWindow(transfer) : { transfer, actions: none };
}

function onTimeout(transfer: Transfer): Step {
  if (transfer.phase === 'sending' && transfer.sent === transfer.acked) {
    // Not the client, our disk is slow.
    return { transfer, actions: [arm(transfer)] };
  }
  if (transfer.retries === retriesMax) return finish(transfer, 'timeout');
  const again = { ...transfer, retries: transfer.retries + 1 };
  return again.phase === 'offering'
    ? { transfer: again, actions: [{ action: 'send-oack' }, arm(again)] }
    : sendWindow({ ...again, sent: again.acked });
}

/** What the window has room for and memory has, behind what was sent. */
function sendWindow(transfer: Transfer): Step {
  const { acked, inMemory, terms } = transfer;
  const from = transfer.sent + 1;
  const to = Math.min(acked + terms.windowsize, inMemory, terms.lastBlock);
  if (to < from) return { transfer, actions: [arm(transfer)] };
  return { transfer: { ...transfer, sent: to }, actions: [{ action: 'send-data', from, to }, arm(transfer)] };
}

function finish(transfer: Transfer, ended: Ended, before: readonly TransferAction[] = none): Step {
  return { transfer: { ...transfer, phase: 'ended' }, actions: [...before, { action: 'finish', ended }] };
}

/** An agreed timeout is kept to (RFC 2349); our own grows while nothing comes back. */
function arm({ terms, retries }: Transfer): TransferAction {
  const grown = millis(Math.min(retransmitAfter * 2 ** retries, retransmitAfterMax));
  return { action: 'arm', wait: terms.timeout ?? grown };
}
