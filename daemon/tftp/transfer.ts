/**
 * One transfer to one client as data (RFC 1350, 7440). Blocks are counted from 1 without end here; the wire has their low
 * 16 bits. The edge carries out the actions in order and reports what came of them as events.
 */
import { assertNever } from '../../config/result.ts';
import { type Instant, type Millis, millis, seconds, since } from '../../config/values.ts';
import type { Agreement } from './negotiate.ts';
import { errorCode } from './packet.ts';
import { lossAfter, type RoundTrip, withSample } from './round-trip.ts';

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
  /** The time that we waited for nothing since then. */
  readonly waited: Millis;
  /** Known only where a window was agreed. */
  readonly roundTrip: RoundTrip | undefined;
  /** When what is in flight was sent; `undefined` if any of it went more than once, so that its ACK tells no round trip. */
  readonly sentAt: Instant | undefined;
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
/** With a window the round trip tells when something was lost; below this it is the client's scheduler that we would measure. */
const windowRetransmitAfterMin = millis(20);
/** What a client that is still there may be silent: 1 + 2 + 4 + 4 … s; with an agreed timeout as many of those. */
const patience = seconds(23);
const timeoutsOfPatience = 7;
/** One gap makes a client repeat its ACK for every block behind it; one window a round trip is the answer to all of them. */
const resendPauseMin = millis(5);
const none: readonly TransferAction[] = [];

/** The OACK, or, when no option was agreed, nothing until block 1 is in memory. */
export function beginTransfer(agreement: Agreement, size: number): Step {
  const { blksize, windowsize, timeout } = agreement;
  const terms = { size, blksize, windowsize, timeout, lastBlock: Math.floor(size / blksize) + 1 };
  const offering = agreement.acknowledged.length > 0;
  const phase = offering ? 'offering' : 'sending';
  const transfer: Transfer = {
    ...{ phase, terms, acked: 0, sent: 0, inMemory: 0, retries: 0, waited: millis(0) },
    ...{ roundTrip: undefined, sentAt: undefined, resentAt: undefined },
  };
  return { transfer, actions: offering ? [{ action: 'send-oack' }, arm(transfer)] : none };
}

/** Events that come after the end change nothing. */
export function stepTransfer(transfer: Transfer, event: TransferEvent, now: Instant): Step {
  if (transfer.phase === 'ended') return { transfer, actions: none };
  switch (event.event) {
    case 'ack':
      return onAck(transfer, event.block, now);
    case 'data-read':
      return onDataRead({ ...transfer, inMemory: Math.max(transfer.inMemory, event.upTo) }, now);
    case 'timeout':
      return onTimeout(transfer, now);
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
    if (wireBlock !== 0) return { transfer, actions: none };
    return sendWindow({ ...transfer, phase: 'sending', retries: 0, waited: millis(0) }, now);
  }
  const advance = (wireBlock - transfer.acked) & 0xffff;
  const inFlight = transfer.sent - transfer.acked;
  if (advance === 0) return onDuplicateAck(transfer, inFlight, now);
  if (advance > inFlight) return { transfer, actions: none };
  const acked = transfer.acked + advance;
  if (acked === transfer.terms.lastBlock) return finish({ ...transfer, acked }, 'complete');
  const roundTrip = measured(transfer, now);
  const advanced = { ...transfer, acked, retries: 0, waited: millis(0), roundTrip };
  if (advance === inFlight) return sendWindow({ ...advanced, sentAt: undefined, resentAt: undefined }, now);
  // After a timeout of ours it only says what the client had before: what is behind it has just been sent again.
  if (transfer.retries > 0) return sendWindow(advanced, now);
  // An ACK inside the window tells of a gap behind it: go on from there (RFC 7440 section 4).
  return sendAgain({ ...advanced, resentAt: now }, now);
}

/** A sample that is no time at all comes from a clock that was set. */
function measured({ terms, roundTrip, sentAt }: Transfer, now: Instant): RoundTrip | undefined {
  if (terms.windowsize === 1 || sentAt === undefined) return roundTrip;
  const sample = since(sentAt, now);
  return sample >= 0 && sample <= retransmitAfterMax ? withSample(roundTrip, sample) : roundTrip;
}

/** Lock-step: never an answer, or each further block goes twice (Sorcerer's Apprentice, RFC 1123 4.2.3.1). */
function onDuplicateAck(transfer: Transfer, inFlight: number, now: Instant): Step {
  if (transfer.terms.windowsize === 1 || inFlight === 0) return { transfer, actions: none };
  const pause = Math.max(resendPauseMin, transfer.roundTrip?.smoothed ?? 0);
  const age = transfer.resentAt === undefined ? pause : since(transfer.resentAt, now);
  if (age >= 0 && age < pause) return { transfer, actions: none };
  return sendAgain({ ...transfer, resentAt: now }, now);
}

function onDataRead(transfer: Transfer, now: Instant): Step {
  const { phase, acked, sent, terms } = transfer;
  const windowOpen = phase === 'sending' && sent < Math.min(acked + terms.windowsize, terms.lastBlock);
  return windowOpen ? sendWindow(transfer, now) : { transfer, actions: none };
}

function onTimeout(transfer: Transfer, now: Instant): Step {
  if (transfer.phase === 'sending' && transfer.sent === transfer.acked) {
    // Not the client, our disk is slow.
    return { transfer, actions: [arm(transfer)] };
  }
  const { timeout } = transfer.terms;
  const waited = millis(transfer.waited + waitFor(transfer));
  if (waited >= (timeout === undefined ? patience : timeout * timeoutsOfPatience)) return finish(transfer, 'timeout');
  const again = { ...transfer, retries: transfer.retries + 1, waited };
  return again.phase === 'offering'
    ? { transfer: again, actions: [{ action: 'send-oack' }, arm(again)] }
    : sendAgain(again, now);
}

/** All that is in flight, from its first block on. */
function sendAgain(transfer: Transfer, now: Instant): Step {
  const { transfer: resent, actions } = sendWindow({ ...transfer, sent: transfer.acked }, now);
  return { transfer: { ...resent, sentAt: undefined }, actions };
}

/** What the window has room for and memory has, behind what was sent. */
function sendWindow(transfer: Transfer, now: Instant): Step {
  const { acked, inMemory, terms } = transfer;
  const from = transfer.sent + 1;
  const to = Math.min(acked + terms.windowsize, inMemory, terms.lastBlock);
  if (to < from) return { transfer, actions: [arm(transfer)] };
  const sentAt = transfer.sent === acked ? now : undefined;
  return { transfer: { ...transfer, sent: to, sentAt }, actions: [{ action: 'send-data', from, to }, arm(transfer)] };
}

function finish(transfer: Transfer, ended: Ended, before: readonly TransferAction[] = none): Step {
  return { transfer: { ...transfer, phase: 'ended' }, actions: [...before, { action: 'finish', ended }] };
}

const arm = (transfer: Transfer): TransferAction => ({ action: 'arm', wait: waitFor(transfer) });

/** An agreed timeout is kept to (RFC 2349); our own grows while nothing comes back. */
function waitFor({ terms, retries, roundTrip }: Transfer): Millis {
  if (terms.timeout !== undefined) return terms.timeout;
  const first =
    roundTrip === undefined
      ? retransmitAfter
      : Math.min(Math.max(Math.ceil(lossAfter(roundTrip)), windowRetransmitAfterMin), retransmitAfter);
  return millis(Math.min(first * 2 ** retries, retransmitAfterMax));
}
