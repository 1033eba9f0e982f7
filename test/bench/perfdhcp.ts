/** Kea's load generator: what it is told, and what it says. It speaks as a relay agent does, `giaddr` set. */
import type { Host } from '../support/netns.ts';

export type Load = {
  /** Exchanges begun each second. */
  readonly rate: number;
  readonly seconds: number;
  /** Boards, one after the other; after the last one the first again. */
  readonly clients: number;
  /** The number of the first of them; default 0. */
  readonly first?: number;
};

export type LoadResult = {
  /** ACKs a second. */
  readonly exchanges: number;
  /** Of all messages, the part without an answer. */
  readonly dropped: number;
  /** DISCOVER to OFFER or REQUEST to ACK, whichever is the longer. */
  readonly p99Ms: number;
};

/** The hardware address of a client: one that belongs to Raspberry Pi boards. At most 65,536. */
export const clientMac = (number: number): string =>
  ['dc:a6:32:00', ...[number >> 8, number & 0xff].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');

/** Rejects if the program could not do its work; unanswered messages are a result. */
export async function perfdhcp(
  host: Host,
  program: string,
  env: Readonly<Record<string, string>>,
  { rate, seconds, clients, first = 0 }: Load,
): Promise<LoadResult> {
  const load = ['-r', `${rate}`, '-p', `${seconds}`, '-R', `${clients}`, '-b', `mac=${clientMac(first)}`];
  // Half a second for the last answers; what takes longer than a second counts as lost.
  const command = [program, '-4', '-l', 'eth0', ...load, '-W', '500000', '-d', '1', '-x', 't', 'all'];
  const { code, stdout, stderr } = await host.exec(command, { env, deadlineMs: (seconds + 30) * 1000 });
  // 3: not every exchange was completed.
  if (code !== 0 && code !== 3) throw new Error(`perfdhcp ended with ${code}: ${stderr}${stdout}`);
  const sent = numbers(stdout, /^sent packets: (\d+)$/gm);
  const received = numbers(stdout, /^received packets: (\d+)$/gm);
  return {
    exchanges: (received[1] ?? 0) / seconds,
    dropped: 1 - sum(received) / Math.max(1, sum(sent)),
    p99Ms: Math.max(...sections(stdout).map(p99)),
  };
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const numbers = (text: string, pattern: RegExp): readonly number[] =>
  Array.from(text.matchAll(pattern), ([, digits]) => Number(digits));

/** Both halves of the exchange: the milliseconds of each message. */
const sections = (text: string): readonly (readonly number[])[] =>
  text
    .split('***Timestamps for packets: ')
    .slice(1)
    .map((section) =>
      Array.from(
        section.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)$/gm),
        ([, from, to]) => 1000 * (Number(to) - Number(from)),
      ),
    );

function p99(delays: readonly number[]): number {
  const sorted = delays.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.POSITIVE_INFINITY;
}
