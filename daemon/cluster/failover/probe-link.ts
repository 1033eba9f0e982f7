/** Whether silence is ours: a master whose own cable is out hears nobody. Pure. */
import { type PathState, ROUND } from './probe-path.ts';

/** Of one round, over all that are probed, the gateway among them. */
export type LinkRound = {
  /** Undefined: nobody can tell. */
  readonly carrier: boolean | undefined;
  readonly hosts: number;
  readonly answered: number;
  /** Whose questions did not leave this machine. */
  readonly unasked: number;
  /** That were heard in this round or shortly before (`isHeardLately`), and how many of these were asked by every way in vain. */
  readonly lately: number;
  readonly missed: number;
};

/** Whoever is silent for longer is gone by itself, and says nothing of the link. */
const LATELY = Math.ceil(15_000 / ROUND);
export const isHeardLately = ({ evidence: { path, rounds } }: PathState): boolean =>
  path === 'alive' || (path === 'silent' && rounds <= LATELY);

/**
 * `down` at once if there is no carrier, nothing can be sent, or none of two or more that were heard lately is heard now. Then it
 * lasts until somebody is: that all have been silent for long makes nothing better.
 */
export function ownLink(before: 'up' | 'down', round: LinkRound): 'up' | 'down' {
  const { carrier, hosts, answered, unasked, lately, missed } = round;
  if (carrier === false) return 'down';
  if (answered > 0 || hosts === 0) return 'up';
  if (unasked === hosts) return 'down';
  return lately >= 2 && missed === lately ? 'down' : before;
}
