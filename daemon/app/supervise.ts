/** Keeps a service up that may not be able to start yet: a port in use, an interface without an address. */
import { type Millis, seconds } from '../../config/values.ts';
import type { Clock, Log } from '../ports.ts';

export type Service = { readonly closed: Promise<unknown> };

export type Supervisor = {
  /** Starts it again after it failed or ended, for as long as neither `life` nor the daemon's signal is aborted. Never rejects. */
  readonly keepUp: (name: string, start: () => Promise<Service>, life?: AbortSignal) => Promise<void>;
  /** Names of the services that are not up, with the reason. */
  readonly failing: () => ReadonlyMap<string, string>;
  /** Something besides that is not as it should be, until it is told with `undefined`. */
  readonly tell: (name: string, reason: string | undefined) => void;
  /** Called whenever that changes, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
};

const PAUSE: Millis = seconds(5);

export function createSupervisor(deps: { clock: Clock; log: Log; signal: AbortSignal }): Supervisor {
  const { clock, log, signal } = deps;
  const failing = new Map<string, string>();
  const listeners = new Set<() => void>();

  function set(name: string, reason: string | undefined): void {
    if (failing.get(name) === reason) return;
    if (reason === undefined) failing.delete(name);
    else failing.set(name, reason);
    for (const listener of [...listeners]) listener();
  }

  function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  async function keepUp(name: string, start: () => Promise<Service>, life = signal): Promise<void> {
    const over = life === signal ? signal : AbortSignal.any([signal, life]);
    set(name, 'starting');
    while (!over.aborted) {
      try {
        const service = await start();
        set(name, undefined);
        log.debug('service is up', { service: name });
        await service.closed;
        if (!over.aborted) set(name, 'ended');
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        // Once a reason, not once a try: this may go on for days.
        if (failing.get(name) !== reason) log.error('service cannot run', { service: name, reason });
        set(name, reason);
      }
      await clock.sleep(PAUSE, over).catch(() => undefined);
    }
    // It is not wanted any more: that it does not run is nothing to tell.
    if (!signal.aborted) set(name, undefined);
  }

  return { keepUp, failing: () => failing, tell: set, subscribe };
}
