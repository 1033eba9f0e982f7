/** What client and server agree on before the first block (RFC 2347, 2348, 2349, 7440). */
import { type Millis, seconds } from '../../config/values.ts';
import type { TftpOption } from './packet.ts';

export type Agreement = {
  /** Bytes of payload in each DATA packet but the last. */
  readonly blksize: number;
  /** Blocks in flight; 1 is RFC 1350's lock-step. */
  readonly windowsize: number;
  /** How long the client wants us to wait for an ACK. */
  readonly timeout: Millis | undefined;
  /** The OACK: exactly what was asked and understood, in the client's order. Empty: no OACK at all. */
  readonly acknowledged: readonly TftpOption[];
};

/** RFC 1350. */
const blksizeDefault = 512;
/** What fits an Ethernet frame: 1500 less IP (20), UDP (8) and our header (4). A fragmented block is one that gets lost. */
const blksizeMax = 1468;
/** Facts: more than this gained nothing on a LAN, and a lost block costs its whole window. */
const windowsizeMax = 16;

/** Options that we do not know, or with values outside their RFC, are left out of the answer, as RFC 2347 wants. */
export function negotiate(options: readonly TftpOption[], size: number): Agreement {
  let blksize = blksizeDefault;
  let windowsize = 1;
  let timeout: Millis | undefined;
  const acknowledged: TftpOption[] = [];
  const seen = new Set<string>();
  for (const option of options) {
    const name = option.name.toLowerCase();
    const asked = /^\d{1,10}$/.test(option.value) ? Number(option.value) : undefined;
    if (asked === undefined || seen.has(name)) continue;
    seen.add(name);
    const answer = answerTo(name, asked, size);
    if (answer === undefined) continue;
    if (name === 'blksize') blksize = answer;
    if (name === 'windowsize') windowsize = answer;
    if (name === 'timeout') timeout = seconds(answer);
    acknowledged.push({ name: option.name, value: String(answer) });
  }
  return { blksize, windowsize, timeout, acknowledged };
}

function answerTo(name: string, asked: number, size: number): number | undefined {
  switch (name) {
    case 'blksize':
      return asked >= 8 && asked <= 65464 ? Math.min(asked, blksizeMax) : undefined;
    case 'windowsize':
      return asked >= 1 && asked <= 65535 ? Math.min(asked, windowsizeMax) : undefined;
    case 'timeout':
      return asked >= 1 && asked <= 255 ? asked : undefined;
    case 'tsize':
      return size;
    default:
      return undefined;
  }
}
