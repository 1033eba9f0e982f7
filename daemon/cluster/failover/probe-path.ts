/**
 * The master's own way to a board, round by round: which questions are asked, and what the answers mean. A datagram to a closed
 * UDP port each round, which leaves no trace there; TCP, which fills logs, only where that is silent. Pure.
 */
import { seconds } from '../../../config/values.ts';
import type { PathEvidence } from './signs.ts';

/** `udp`: refuses a datagram. `kubelet`, `ssh`: answers a connection, or refuses it. */
export type Way = 'udp' | 'kubelet' | 'ssh';
export type TcpWay = Exclude<Way, 'udp'>;
export const tcpPorts: Readonly<Record<TcpWay, number>> = { kubelet: 10250, ssh: 22 };
const tcpWays: readonly TcpWay[] = ['kubelet', 'ssh'];

export type PathState = {
  readonly evidence: PathEvidence;
  /** Those by which it answered since it has this address: only their silence says something. */
  readonly works: readonly Way[];
  /** Rounds in a row in which TCP answered and UDP did not. */
  readonly mute: number;
  /** Rounds since TCP was asked last. */
  readonly rested: number;
};

/** One round of one board. */
export type Heard = {
  readonly asked: ReadonlySet<Way>;
  readonly answered: ReadonlySet<Way>;
  /** Questions that could not leave this machine. */
  readonly unasked: ReadonlySet<Way>;
};

/** What an ICMP rate limit of one a second (Linux's own) never cuts, also if the other's clock is slow and others ask it, too. */
export const ROUND = seconds(1.05);
/** A host on our link refuses within milliseconds, a busy Pi 2 within tens of them. */
export const UDP_WAIT = seconds(0.2);
/** Then TCP; asked and judged within the round. */
export const TCP_WAIT = seconds(0.4);

/** A firewall that drops is a firewall: then it is asked by TCP, once every few rounds (each is a line in kubelet's log). */
const MUTE_AFTER = 3;
const TCP_EVERY = 3;
/** Of one that has never answered. */
const STRANGER_EVERY = 10;

export const unseen: PathState = {
  ...{ evidence: { path: 'unknown', rounds: 0 }, works: [], mute: 0 },
  rested: STRANGER_EVERY,
};

const hearsUdp = ({ works, mute }: PathState): boolean => works.includes('udp') && mute < MUTE_AFTER;

/** What is asked by TCP as the round begins, beside the datagram. */
export function asksAtOnce(state: PathState): readonly TcpWay[] {
  if (state.evidence.path === 'silent') return tcpWays;
  if (hearsUdp(state)) return [];
  if (state.works.length === 0) return state.rested + 1 >= STRANGER_EVERY ? tcpWays : [];
  if (state.rested + 1 < TCP_EVERY) return [];
  return tcpWays.filter((way) => state.works.includes(way)).slice(0, 1);
}

/** Something was to be expected of this round, and nothing came: a reason to ask by every way. */
export const isMissed = (state: PathState, { asked, answered }: Heard): boolean =>
  answered.size === 0 && state.works.length > 0 && (hearsUdp(state) || asksTcp(asked));

export const leftToAsk = (asked: Heard['asked']): readonly TcpWay[] => tcpWays.filter((way) => !asked.has(way));

/** It was asked by every way, and each question left. */
export const wasInVain = ({ asked, answered, unasked }: Heard): boolean =>
  answered.size === 0 && unasked.size === 0 && leftToAsk(asked).length === 0;

export function judge(state: PathState, heard: Heard): PathState {
  const { asked, answered } = heard;
  const rested = asksTcp(asked) ? 0 : Math.min(state.rested + 1, STRANGER_EVERY);
  if (answered.size > 0) {
    const works = [...state.works, ...[...answered].filter((way) => !state.works.includes(way))];
    const mute = answered.has('udp') ? 0 : Math.min(state.mute + 1, MUTE_AFTER);
    return { works, mute, rested, evidence: ended(state.evidence, 'alive') };
  }
  const isSilent = state.works.length > 0 && wasInVain(heard);
  return { ...state, rested, evidence: isSilent ? ended(state.evidence, 'silent') : state.evidence };
}

const asksTcp = (asked: Heard['asked']): boolean => tcpWays.some((way) => asked.has(way));

const ended = (before: PathEvidence, path: PathEvidence['path']): PathEvidence => ({
  path,
  rounds: before.path === path ? before.rounds + 1 : 1,
});
