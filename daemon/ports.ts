/**
 * What the daemon needs from the machine it runs on: types only. `daemon/system/` implements them with Node, tests with
 * doubles that are held to the same contract tests. Rooms take the smallest of these that does.
 */
import type { Instant, Ipv4, Millis } from '../config/values.ts';

export type Clock = {
  readonly now: () => Instant;
  /** Settles after `duration`, or rejects with the signal's reason at once when it is aborted. */
  readonly sleep: (duration: Millis, signal: AbortSignal) => Promise<void>;
};

export type Random = {
  /** Cryptographically strong. */
  readonly bytes: (length: number) => Uint8Array;
};

/** Static message, fields beside it (`mac`, `xid`, `state`). Secrets never go in. */
export type Log = {
  readonly debug: (message: string, fields?: LogFields) => void;
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
  readonly child: (fields: LogFields) => Log;
};
export type LogFields = Readonly<Record<string, unknown>>;

export type Endpoint = { readonly address: Ipv4; readonly port: number };

/** A UDP socket. `close` settles once it is closed; a datagram that cannot be sent is logged, never thrown. */
export type Udp = {
  readonly local: Endpoint;
  /** `onSent` is called once, now or later: with nothing, or with why it did not leave this machine. */
  readonly send: (payload: Uint8Array, to: Endpoint, onSent?: (failure?: unknown) => void) => void;
  readonly close: () => Promise<void>;
};

export type OpenUdp = (options: {
  readonly bind: Endpoint;
  readonly broadcast?: boolean;
  /** Bytes of datagrams that may wait while the process is busy; the kernel may grant less (`net.core.rmem_max`). */
  readonly receiveBuffer?: number;
  /** A socket that a launcher opened and bound to the device (SO_BINDTODEVICE); `bind` is then what it is bound to. */
  readonly fd?: number;
  readonly onMessage: (payload: Uint8Array, from: Endpoint) => void;
}) => Promise<Udp>;

/** What a machine on our network did with a question. `unasked`: it did not leave this machine, which says nothing of the other. */
export type Echo = 'answered' | 'silent' | 'unasked';

/**
 * Knocks at a UDP port where nobody listens: whoever lives refuses. `onEcho` is told each `answered`, and each `unasked` with why;
 * silence is for the caller to notice. Never throws.
 */
export type OpenKnock = (
  to: Endpoint,
  onEcho: (echo: Exclude<Echo, 'silent'>, why?: unknown) => void,
) => { readonly knock: () => void; readonly close: () => void };

/** Asks a TCP port to connect, and hangs up; a refusal is an answer. Settles within `timeout`; never rejects. */
export type AskTcp = (to: Endpoint, timeout: Millis, signal: AbortSignal) => Promise<Echo>;

export type ShellResult = { readonly code: number; readonly stdout: string; readonly stderr: string };
/** Runs a program without a shell; the promise rejects only if it cannot be started. */
export type Shell = (
  program: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly timeout: Millis; readonly stdin?: string },
) => Promise<ShellResult>;

/** Bytes that can be read at any place: a file, an image with changed sectors, a rendered text. */
export type ByteSource = {
  readonly size: number;
  /** Fills `into` from `offset`; returns how many bytes there were (less than asked for only at the end). */
  readonly read: (into: Uint8Array, offset: number) => Promise<number>;
  readonly close: () => Promise<void>;
  /**
   * An open plain file that has the same bytes at the same places, from byte `from` on: they may be sent without being read.
   * Whoever wraps a source and reads otherwise leaves this out.
   */
  readonly file?: { readonly fd: number; readonly from: number };
};
