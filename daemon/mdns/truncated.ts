/** Queries whose known answers come in several packets (RFC 6762 7.2). Pure. */
import { after, type Instant, type Millis, millis } from '../../config/values.ts';
import type { Endpoint } from '../ports.ts';
import { earliest } from './alarm.ts';
import type { MdnsMessage } from './packet.ts';

export type Heard = { readonly message: MdnsMessage; readonly from: Endpoint };
export type Waiting = Heard & { readonly at: Instant };

/** One from each asker at a time, and never more than this: they cost memory. */
const askersMax = 64;
const knownMax = 2000;

/** How long to wait for more: 400 to 500 ms, by chance between 0 and 1. */
export const truncatedDelay = (chance: number): Millis => millis(400 + chance * 100);

export type Taken = {
  readonly waiting: readonly Waiting[];
  /** What can be answered at once. */
  readonly open: Heard | undefined;
};

export function takeQuery(waiting: readonly Waiting[], heard: Heard, now: Instant, delay: Millis): Taken {
  const { message, from } = heard;
  const mine = waiting.find((one) => one.from.address === from.address && one.from.port === from.port);
  const goesOn = mine !== undefined && message.questions.length === 0;
  if (!goesOn && !message.truncated) return { waiting, open: heard };
  const others = waiting.filter((one) => one !== mine);
  if (mine === undefined && others.length >= askersMax) return { waiting, open: heard };
  const questions = [...(mine?.message.questions ?? []), ...message.questions].slice(0, knownMax);
  const answers = [...(mine?.message.answers ?? []), ...message.answers].slice(0, knownMax);
  const at = message.truncated || mine === undefined ? after(now, delay) : mine.at;
  return { waiting: [...others, { message: { ...message, questions, answers }, from, at }], open: undefined };
}

export function dueQueries(
  waiting: readonly Waiting[],
  now: Instant,
): { readonly waiting: readonly Waiting[]; readonly due: readonly Heard[] } {
  return { waiting: waiting.filter(({ at }) => at > now), due: waiting.filter(({ at }) => at <= now) };
}

export const nextQuery = (waiting: readonly Waiting[]): Instant | undefined => earliest(waiting.map(({ at }) => at));
