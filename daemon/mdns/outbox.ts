/** Multicast answers on their way out: delayed, joined, left out when another said it (RFC 6762 sections 6, 6.4, 7.4). */
import { after, type Instant, type Millis, millis, seconds, since } from '../../config/values.ts';
import type { MdnsMessage } from './packet.ts';
import { identity, type MdnsRecord } from './records.ts';

export type Delayed = {
  readonly answers: readonly MdnsRecord[];
  readonly additionals: readonly MdnsRecord[];
  readonly at: Instant;
};

/** Several may answer: 20 to 120 ms, by chance between 0 and 1, so that not all speak at once (RFC 6762 section 6). */
export const sharedDelay = (chance: number): Millis => millis(20 + chance * 100);

/** What waits already takes the new answers along. */
export function delay(
  waiting: Delayed | undefined,
  { answers, additionals }: Pick<Delayed, 'answers' | 'additionals'>,
  now: Instant,
  wait: Millis,
): Delayed {
  return {
    answers: distinct([...(waiting?.answers ?? []), ...answers]),
    additionals: distinct([...(waiting?.additionals ?? []), ...additionals]),
    at: waiting?.at ?? after(now, wait),
  };
}

/** RFC 6762 7.4: another host has just said it to all, for at least as long as we would have. */
export function withoutSaid(waiting: Delayed | undefined, response: MdnsMessage): Delayed | undefined {
  if (waiting === undefined || response.kind !== 'response') return waiting;
  const answers = waiting.answers.filter(
    (ours) => !response.answers.some((heard) => heard.ttl >= ours.ttl && identity(heard) === identity(ours)),
  );
  return answers.length === 0 ? undefined : { ...waiting, answers };
}

function distinct(records: readonly MdnsRecord[]): readonly MdnsRecord[] {
  return [...new Map(records.map((record) => [identity(record), record])).values()];
}

/** When each record was last multicast, by `identity`. */
export type SentAt = ReadonlyMap<string, Instant>;

/** RFC 6762 section 6: once a second, and in the defence against a probe four times. */
export const spacing = { usual: seconds(1), defence: millis(250) } as const;

export const notJustSent = (
  records: readonly MdnsRecord[],
  sentAt: SentAt,
  now: Instant,
  interval: Millis = spacing.usual,
): readonly MdnsRecord[] =>
  records.filter((record) => {
    const sent = sentAt.get(identity(record));
    return sent === undefined || since(sent, now) >= interval;
  });
