/** The names of the master and its boards: through avahi where it runs, by our own responder elsewhere. */
import { closeSync } from 'node:fs';
import { type Millis, seconds } from '../../config/values.ts';
import type { MdnsPlace } from './place.ts';
import type { MdnsServer, MdnsServerDeps } from './server.ts';
import { mdnsServer } from './server.ts';
import { type AvahiPublisher, avahiPublisher, avahiRuns } from './server-avahi.ts';

export type MdnsServiceDeps = MdnsServerDeps & {
  /** The name of the interface, which avahi wants to know. */
  readonly interface?: string;
  /** Default: the system bus. */
  readonly busPath?: string;
  /** What keeps avahi from publishing for us, for as long as it does; `undefined` once it does not. */
  readonly onRefused?: (detail: string | undefined) => void;
};

/** avahi may be installed, started or stopped while we run. */
const lookAgain: Millis = seconds(10);

/** `mdnsServer`, and the same without it. `deps.fd` is used or closed. */
export function mdnsService(given: MdnsServiceDeps): MdnsServer {
  const { signal, log, clock } = given;
  const taken = new Set<string>();
  const deps: MdnsServiceDeps = {
    ...given,
    onConflict: (conflict) => {
      taken.add(conflict.name);
      given.onConflict?.(conflict);
    },
    onConflictOver: ({ name }) => {
      taken.delete(name);
      given.onConflictOver?.({ name });
    },
  };
  let place: MdnsPlace = deps;
  let { records } = deps;
  let fd = deps.fd;
  let publisher: AvahiPublisher | undefined;
  let server: MdnsServer | undefined;
  const ready = Promise.withResolvers<void>();
  // Whoever wants to know waits for `closed`.
  ready.promise.catch(() => undefined);

  async function keepUp(): Promise<void> {
    while (!signal.aborted) {
      // Whoever comes next finds out for himself what is taken, and tells it then.
      for (const name of taken) deps.onConflictOver?.({ name });
      // What is wanted is read when it is there: it may have changed while it was connecting.
      publisher = await avahiPublisher({ ...deps, ...place, records });
      publisher?.update(records, place.interfaceAddress);
      if (publisher !== undefined) {
        ready.resolve();
        // Two sockets on one port: what is for avahi would come to the one that nobody reads.
        if (fd !== undefined) closeSync(fd);
        fd = undefined;
        await publisher.closed;
        publisher = undefined;
        if (!signal.aborted) log.info('avahi is gone');
        // It may only have been restarted.
        await clock.sleep(seconds(1), signal).catch(() => undefined);
      } else await ownResponder();
    }
  }

  /** Until the end, or until avahi is there. */
  async function ownResponder(): Promise<void> {
    const ending = new AbortController();
    const life = AbortSignal.any([signal, ending.signal]);
    server = mdnsServer({ ...withoutFd(deps), ...place, ...(fd !== undefined && { fd }), records, signal: life });
    fd = undefined;
    server.ready.then(ready.resolve, () => ending.abort());
    while (!life.aborted) {
      await clock.sleep(lookAgain, life).catch(() => undefined);
      if (!life.aborted && (await avahiRuns(deps.busPath))) ending.abort();
    }
    await server.closed;
    server = undefined;
  }

  const closed = keepUp();
  closed.then(ready.resolve, ready.reject);
  return {
    update: (next) => {
      records = next;
      publisher?.update(next);
      server?.update(next);
    },
    move: (next, nextRecords) => {
      place = next;
      records = nextRecords;
      publisher?.update(nextRecords, next.interfaceAddress);
      server?.move(next, nextRecords);
    },
    rejoin: () => server?.rejoin(),
    ready: ready.promise,
    closed,
  };
}

function withoutFd({ fd: _, ...rest }: MdnsServiceDeps): Omit<MdnsServiceDeps, 'fd'> {
  return rest;
}
