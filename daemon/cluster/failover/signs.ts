/**
 * The signs that a board is gone, and who gives them. One alone is never believed: a cable, a switch, a busy kubelet or a
 * firewall makes one as well. Pure: types.
 */
import type { Result } from '../../../config/result.ts';

/** Whether who asks gets any answer; a refusal is one. `unknown`: nobody could ask, or nothing follows from the silence. */
export type Answer = 'alive' | 'silent' | 'unknown';

/**
 * The master's own way to the board. `unknown` until it worked once: then silence means something. `rounds`: so many in a row
 * ended like this; a round is about a second, and is silent only if each way that works for the board was tried.
 */
export type PathEvidence = { readonly path: Answer; readonly rounds: number };

/** As the owner's command says. */
export type PowerState = 'on' | 'off' | 'unknown';

/** What `failover` needs from those who look; boards by their names, which are their Nodes'. */
export type Probes = {
  /** As of the last finished round, from memory: it is asked twice a second for every board. */
  readonly evidence: (board: string) => PathEvidence;
  /** `down`: none of those that answered before does, or the interface has no carrier: then silence says nothing of them. */
  readonly ownLink: () => 'up' | 'down';
  /**
   * Whether one of `peers` reaches the board; asked on suspicion only, and of two at most. `peers`: Ready, and not suspected
   * themselves, in no order. `silent`: all that were asked tried, and heard nothing. Never rejects; answers within 2 s.
   */
  readonly peer: (board: string, peers: readonly string[], signal: AbortSignal) => Promise<Answer>;
  /** Asked on suspicion only. Never rejects; `unknown` without `power.command`. */
  readonly power: (board: string, signal: AbortSignal) => Promise<PowerState>;
};

/** Switches a board's power, by the owner's command. */
export type PowerSwitch = (
  board: string,
  to: 'on' | 'off',
  signal: AbortSignal,
) => Promise<Result<void, { readonly code: string; readonly detail: string }>>;
