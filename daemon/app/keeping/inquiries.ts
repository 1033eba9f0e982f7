/** What others say of a board that is suspected: its peers, and whoever has its power. Asked again and again as long as it is. */
import { type Millis, millis, seconds } from '../../../config/values.ts';
import type { Answer, PowerState, Probes } from '../../cluster/failover/signs.ts';

/** Between two questions of one kind about one board: closely while it matters, then now and then. */
const PEER_EVERY = seconds(1.5);
const POWER_EVERY = seconds(3);
const CLOSELY = 20;
const LATER_EVERY = seconds(30);
/** After the next answer might have come, one is worth nothing any more. */
const GRACE = seconds(3.5);

/** `since`: when the first question was asked that got this answer, and no other came between. `until`: it is valid. */
type Told<T> = { readonly value: T; readonly since: Millis; readonly until: Millis };

export type Inquiries = {
  /** Asks what is due; settles nothing. */
  readonly ask: (board: string, peers: readonly string[], now: Millis, signal: AbortSignal) => void;
  readonly peer: (board: string, now: Millis) => { readonly answer: Answer; readonly since: Millis | undefined };
  readonly power: (board: string, now: Millis) => PowerState;
  /** It is not suspected any more: what was said of it is of yesterday. */
  readonly forget: (board: string) => void;
  /** Settles once nothing is asked. */
  readonly atRest: () => Promise<void>;
};

/** `now`: the count as it is by then. */
export function createInquiries(probes: Pick<Probes, 'peer' | 'power'>, now: () => Millis): Inquiries {
  const peers = createLine<Answer>(now);
  const powers = createLine<PowerState>(now);
  return {
    ask: (board, trusted, moment, signal) => {
      if (trusted.length > 0) peers.ask(board, PEER_EVERY, moment, () => probes.peer(board, trusted, signal));
      powers.ask(board, POWER_EVERY, moment, () => probes.power(board, signal));
    },
    peer: (board, moment) => {
      const told = peers.told(board, moment);
      return { answer: told?.value ?? 'unknown', since: told?.since };
    },
    power: (board, moment) => powers.told(board, moment)?.value ?? 'unknown',
    forget: (board) => {
      peers.forget(board);
      powers.forget(board);
    },
    atRest: async () => void (await Promise.all([peers.atRest(), powers.atRest()])),
  };
}

/** One question about each board at a time. */
function createLine<T>(now: () => Millis) {
  const answers = new Map<string, Told<T>>();
  const asked = new Map<string, { readonly at: Millis; readonly times: number }>();
  const underWay = new Map<string, Promise<void>>();
  /** Of a board that was forgotten while it was asked about, the answer is nobody's. */
  const lives = new Map<string, object>();

  const told = (board: string, moment: Millis): Told<T> | undefined => {
    const last = answers.get(board);
    return last !== undefined && moment <= last.until ? last : undefined;
  };
  function ask(board: string, every: Millis, moment: Millis, question: () => Promise<T>): void {
    const last = asked.get(board);
    const times = last?.times ?? 0;
    const pause = times < CLOSELY ? every : LATER_EVERY;
    if (underWay.has(board) || (last !== undefined && moment - last.at < pause)) return;
    asked.set(board, { at: moment, times: times + 1 });
    const life = lives.get(board) ?? {};
    lives.set(board, life);
    const answered = question().then((value) => {
      if (lives.get(board) !== life) return;
      const before = told(board, now());
      const since = before?.value === value ? before.since : moment;
      answers.set(board, { value, since, until: millis(now() + (times + 1 < CLOSELY ? every : LATER_EVERY) + GRACE) });
    });
    // A question that throws is one without an answer.
    const work = answered.catch(() => undefined).finally(() => underWay.delete(board));
    underWay.set(board, work);
  }
  return {
    ask,
    told,
    forget: (board: string): void => {
      for (const map of [answers, asked, lives]) map.delete(board);
    },
    atRest: async (): Promise<void> => void (await Promise.all(underWay.values())),
  };
}
