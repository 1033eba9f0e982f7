/** A board of ours whose disk was written by hand. Pure. */
import { type Millis, minutes, since } from '../../config/values.ts';
import { type Context, type EventOf, type Next, stay, to } from './cell.ts';

/** What an installer said before its board's system was started may be heard after that. */
const LATE_WORD: Millis = minutes(1);

/**
 * It has no system any more and nothing that could be lost, and its installer came from a card that knows the cluster key: what
 * was decided about the board stands, and it is installed and joined under its name again.
 */
export const reflashed = (_: unknown, { report, emptied }: EventOf<'installer-reported'>, context: Context): Next =>
  emptied === true && report.proof && since(context.since, context.now) >= LATE_WORD
    ? to(
        { name: 'accepted', report, by: 'an earlier decision' },
        'its card was written by hand, and it has no system any more',
      )
    : stay();
