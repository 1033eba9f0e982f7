/** Follows where the daemon stands: a cable comes later or goes to another port, an address changes. */
import type { Problem, Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { seconds } from '../../../config/values.ts';
import type { Clock, Log } from '../../ports.ts';
import { readSurroundings, type Surroundings } from '../../system/surroundings.ts';
import { isSamePlace, type Site, siteOf } from './site.ts';

export type Whereabouts = {
  /** As it was seen last. */
  readonly site: () => Site | undefined;
  /** Why there is no site, and what to do. */
  readonly problem: () => string;
  /**
   * Runs `serve` at the site, aborts its signal when the site is no more or is another one, and begins again at the next. Settles
   * once `signal` is aborted and `serve` has ended; rejects if only a new process can serve there.
   */
  readonly follow: (serve: (site: Site, signal: AbortSignal) => Promise<void>, signal: AbortSignal) => Promise<void>;
};

export type WhereaboutsDeps = {
  readonly config: Config;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly sockets: LaunchedSockets;
  /** Sockets that the launcher bound to the interface, by port. */
  readonly inherited: ReadonlyMap<number, number>;
  /** For tests. */
  readonly look?: () => Promise<Surroundings>;
};

export type LaunchedSockets = {
  /** What the launcher bound its sockets to; undefined if it left none. */
  readonly interface: string | undefined;
  /** Whoever started this process starts it again when it has ended, through the launcher. */
  readonly restarted: boolean;
};

export async function findSite(config: Config): Promise<Result<Site, Problem>> {
  return siteOf(config, await readSurroundings());
}

const PAUSE = seconds(3);
/** A cable that is out for a moment, an address that is being renewed: the services stay. */
const LOOKS_WITHOUT = 2;

export function createWhereabouts(deps: WhereaboutsDeps): Whereabouts {
  const { config, clock, log, sockets, inherited, look = readSurroundings } = deps;
  let site: Site | undefined;
  let reason = 'looking for the network of the boards';
  let looks = 0;
  /** Of the interface that the sockets are bound to, when this process began. */
  let boundIndex: number | undefined;
  let beganWithout = false;

  async function once(): Promise<Site | undefined> {
    const surroundings = await look();
    const found = siteOf(config, surroundings);
    if (looks === 0) {
      boundIndex = surroundings.interfaces.find(({ name }) => name === sockets.interface)?.index;
      beganWithout = !found.ok && sockets.interface === undefined;
    }
    looks += 1;
    if (found.ok) return found.value;
    const { code, detail } = found.error;
    if (detail !== reason) log.warn('network not clear', { code, detail });
    reason = detail;
    return undefined;
  }

  async function arrive(signal: AbortSignal): Promise<Site | undefined> {
    while (!signal.aborted) {
      const found = await once();
      if (found !== undefined) return found;
      await clock.sleep(PAUSE, signal).catch(() => undefined);
    }
    return undefined;
  }

  /** Settles when the services have to end. */
  async function stay(at: Site, signal: AbortSignal): Promise<void> {
    for (let missed = 0; missed < LOOKS_WITHOUT; ) {
      await clock.sleep(PAUSE, signal).catch(() => undefined);
      if (signal.aborted) return;
      const found = await once();
      missed = found === undefined ? missed + 1 : 0;
      if (found === undefined) continue;
      if (!isSamePlace(at, found, inherited.has(67))) return;
      site = found;
    }
  }

  /** Sockets are bound to one interface for their life, and only the launcher can open others. */
  function whyAnew(at: Site): string | undefined {
    if (sockets.interface === undefined) {
      return beganWithout && at.shared && sockets.restarted
        ? `the boards are on ${at.interface}, which was not clear when this process began`
        : undefined;
    }
    if (sockets.interface !== at.interface)
      return `the boards are on ${at.interface} now, and the launcher's sockets on ${sockets.interface}`;
    return boundIndex !== undefined && at.index !== undefined && boundIndex !== at.index
      ? `${at.interface} was taken away and is another one now`
      : undefined;
  }

  const follow: Whereabouts['follow'] = async (serve, signal) => {
    for (;;) {
      const here = await arrive(signal);
      if (here === undefined) return;
      const anew = whyAnew(here);
      if (anew !== undefined) throw new Error(`${anew}: ending, to be started again through the launcher`);
      site = here;
      const { interface: name, address } = here;
      log.info('serving', { interface: name, address });
      const life = new AbortController();
      const both = AbortSignal.any([signal, life.signal]);
      const end = (): void => life.abort(new Error(`not on ${name} with ${address} any more`));
      await Promise.all([serve(here, both).finally(end), stay(here, both).finally(end)]);
      if (signal.aborted) return;
      log.warn('the network of the boards has changed: its services have ended', { interface: name, address });
      site = undefined;
    }
  };

  return { site: () => site, problem: () => reason, follow };
}
