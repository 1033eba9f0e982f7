/** When the browser asks what (RFC 6762 5.2): services less and less often, records before they expire. Pure. */
import { after, type Instant, type Millis, millis, minutes, seconds, since } from '../../config/values.ts';
import { earliest } from './alarm.ts';
import { type Cache, type Cached, refreshAt } from './cache.ts';
import { sharedDelay } from './outbox.ts';
import type { MdnsMessage, MdnsQuestion } from './packet.ts';
import { isWritable } from './packet.ts';
import { sameName } from './records.ts';

export type Asked = { readonly at: Instant; readonly count: number };

export type Questions = {
  /** The services, when next, and how long after that. */
  readonly next: Instant;
  readonly interval: Millis;
  /** Between 0 and 1: where in its span this host asks for a record again. */
  readonly chance: number;
  /** How often each record has been asked for, by `questionKey`. */
  readonly asked: ReadonlyMap<string, Asked>;
};

const firstInterval = seconds(1);
const longestInterval = minutes(60);
/** A missing place or address is asked for three times, then it waits for the next announcement. */
const missingMax = 3;

/** Begins (again): the first question after 20 to 120 ms. `chance` between 0 and 1. */
export const beginAsking = (now: Instant, chance: number): Questions => ({
  next: after(now, sharedDelay(chance)),
  interval: firstInterval,
  chance,
  asked: new Map(),
});

export const questionKey = (name: string, type: string): string => `${type} ${name.toLowerCase()}`;

export type Asking = { readonly questions: Questions; readonly ask: readonly MdnsQuestion[] };

/** All that is due now; `browsed` at growing intervals. */
export function dueQuestions(
  questions: Questions,
  browsed: readonly MdnsQuestion[],
  cache: Cache,
  now: Instant,
): Asking {
  const ask: MdnsQuestion[] = [];
  const asked = new Map<string, Asked>();
  const record = ({ name, type, due, count }: Due): void => {
    const key = questionKey(name, type);
    if (asked.has(key)) return;
    if (due <= now) ask.push({ name, type, unicast: false });
    const old = questions.asked.get(key);
    if (due <= now) asked.set(key, { at: now, count });
    else if (old !== undefined) asked.set(key, old);
  };
  // The earliest first: several records may share a question.
  for (const due of recordsDue(questions, cache).toSorted((a, b) => a.due - b.due)) record(due);
  const services = questions.next <= now;
  if (services) ask.push(...browsed);
  const { next, interval } = questions;
  const doubled = millis(Math.min(interval * 2, longestInterval));
  return {
    questions: {
      ...questions,
      asked,
      ...(services ? { next: after(now, interval), interval: doubled } : { next, interval }),
    },
    ask: [...new Map(ask.map((one) => [questionKey(one.name, one.type), one])).values()].filter(({ name }) =>
      isWritable(name),
    ),
  };
}

export function nextQuestion(questions: Questions, cache: Cache): Instant {
  return earliest([questions.next, ...recordsDue(questions, cache).map(({ due }) => due)]) ?? questions.next;
}

type Due = { readonly name: string; readonly type: string; readonly due: Instant; readonly count: number };

/** Every known record before it expires; every place and address that is pointed to and not known. */
function recordsDue({ asked, chance }: Questions, cache: Cache): readonly Due[] {
  const known = new Set([...cache.values()].map(({ record }) => questionKey(record.name, record.type)));
  const found: Due[] = [];
  for (const cached of cache.values()) {
    const { record } = cached;
    const refresh = refreshOf(cached, asked.get(questionKey(record.name, record.type)), chance);
    if (refresh !== undefined) found.push({ ...refresh, name: record.name, type: record.type });
    const type = record.type === 'PTR' ? 'SRV' : 'A';
    if ((record.type !== 'PTR' && record.type !== 'SRV') || known.has(questionKey(record.target, type))) continue;
    const before = asked.get(questionKey(record.target, type));
    const count = before?.count ?? 0;
    if (count >= missingMax) continue;
    const due = before === undefined ? cached.received : after(before.at, seconds(1));
    found.push({ name: record.target, type, due, count: count + 1 });
  }
  return found;
}

/** Attempts count since the record was last received. */
function refreshOf(cached: Cached, before: Asked | undefined, chance: number): Pick<Due, 'due' | 'count'> | undefined {
  const attempt = before !== undefined && before.at > cached.received ? before.count : 0;
  const due = refreshAt(cached, attempt, chance);
  return due === undefined ? undefined : { due, count: attempt + 1 };
}

/** 7.3: another host has just asked the same, knowing nothing: its answers are for all. */
export const askedByOthers = (message: MdnsMessage): readonly MdnsQuestion[] =>
  message.kind === 'query' && message.answers.length === 0 && !message.truncated
    ? message.questions.filter(({ unicast }) => !unicast)
    : [];

export const withoutAsked = (
  ask: readonly MdnsQuestion[],
  heard: readonly { readonly question: MdnsQuestion; readonly at: Instant }[],
  now: Instant,
): readonly MdnsQuestion[] =>
  ask.filter(
    ({ name, type }) =>
      !heard.some(
        ({ question, at }) => since(at, now) < seconds(1) && question.type === type && sameName(question.name, name),
      ),
  );
