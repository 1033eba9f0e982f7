/**
 * Who may do more than read on the status page. A code that the command line printed is worth one session; only digests of
 * either are kept, in memory: a restart of the daemon ends all of them. Pure but for the digests.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Millis, millis, minutes, seconds } from '../../config/values.ts';
import { createBuckets } from '../traffic/buckets.ts';
import { ticksPerSecond } from '../traffic/ticks.ts';

export type Session = {
  /** Who asked for the code, by the account on the master. */
  readonly by: string;
  /** Another than the cookie, and made from it: only a script of our own page gets to see it. */
  readonly csrf: string;
  readonly left: Millis;
};

export type Sessions = {
  /** A code for a link. The oldest one gives way when there are too many. */
  readonly invite: (by: string) => { readonly code: string; readonly left: Millis };
  /** The cookie's value for a code that was not used yet. `guessed`: this address was wrong too often, and has to wait. */
  readonly redeem: (code: string, address: string) => { readonly token: string } | 'unknown' | 'guessed';
  readonly find: (token: string) => Session | undefined;
  readonly end: (token: string) => void;
};

export const codeLife = minutes(10);
export const sessionLife = minutes(12 * 60);
const codesMax = 8;
const sessionsMax = 16;
/** Wrong codes of one address: nobody guesses 256 bits, but nobody has to be let try. */
const guesses = { burst: 10, perSecond: 1 / 60 };
const guessersMax = 1024;

type Ticket = { readonly digest: Buffer; readonly by: string; readonly until: number };

/** `elapsed` goes on by itself, whatever the wall clock says. `bytes` are cryptographically strong. */
export function createSessions(deps: {
  readonly bytes: (length: number) => Uint8Array;
  readonly elapsed: () => Millis;
}): Sessions {
  let codes: readonly Ticket[] = [];
  let sessions: readonly Ticket[] = [];
  const tries = createBuckets<string>(guesses, guessersMax, () => (deps.elapsed() / seconds(1)) * ticksPerSecond);
  const fresh = (): string => Buffer.from(deps.bytes(32)).toString('base64url');
  const living = (tickets: readonly Ticket[]): readonly Ticket[] =>
    tickets.filter(({ until }) => until > deps.elapsed());
  const issued = (text: string, by: string, life: Millis): Ticket => ({
    digest: digestOf(text),
    by,
    until: deps.elapsed() + life,
  });

  const redeem: Sessions['redeem'] = (code, address) => {
    if (tries.isEmpty(address)) return 'guessed';
    const ticket = holder(living(codes), code);
    if (ticket === undefined) {
      tries.take(address);
      return 'unknown';
    }
    codes = codes.filter((one) => one !== ticket);
    const token = fresh();
    sessions = [...living(sessions), issued(token, ticket.by, sessionLife)].slice(-sessionsMax);
    return { token };
  };

  return {
    invite: (by) => {
      const code = fresh();
      codes = [...living(codes), issued(code, by, codeLife)].slice(-codesMax);
      return { code, left: codeLife };
    },
    redeem,
    find: (token) => {
      const ticket = holder(living(sessions), token);
      if (ticket === undefined) return undefined;
      const left = millis(ticket.until - deps.elapsed());
      return { by: ticket.by, csrf: csrfOf(token), left };
    },
    end: (token) => {
      const ticket = holder(sessions, token);
      sessions = sessions.filter((one) => one !== ticket);
    },
  };
}

/** Digests compared in constant time: nothing of a text is to be learned from how long it takes. */
const holder = (tickets: readonly Ticket[], text: string): Ticket | undefined => {
  const digest = digestOf(text);
  return tickets.find((ticket) => timingSafeEqual(ticket.digest, digest));
};

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
const csrfOf = (token: string): string => createHmac('sha256', token).update('bramble csrf').digest('base64url');

export const isSameText = (a: string, b: string): boolean => timingSafeEqual(digestOf(a), digestOf(b));
