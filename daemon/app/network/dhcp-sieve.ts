/** Has the kernel sieve a flood before it fills the socket that boards are heard on. */
import type { Problem, Result } from '../../../config/result.ts';
import type { Mac } from '../../../config/values.ts';
import { nextSieve, noSieve, sieveProgram } from '../../dhcp/sieve.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Gate } from '../../traffic/gate.ts';
import { tickLength } from '../../traffic/ticks.ts';

export type SieveDeps = {
  readonly gate: Gate<Mac>;
  /** Hardware addresses of all boards we know. */
  readonly known: () => readonly Mac[];
  readonly attach: (program: Uint8Array) => Promise<Result<void, Problem>>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** `admit` is the gate, watched. `closed` settles when the signal is aborted and the sieve taken off; never rejects. */
export function dhcpSieve(deps: SieveDeps): { readonly admit: Gate<Mac>; readonly closed: Promise<void> } {
  const { clock, log, signal } = deps;
  let strangers = 0;
  let state = noSieve;
  let rest = new AbortController();

  const admit: Gate<Mac> = (sender) => {
    const passage = deps.gate(sender);
    if (passage !== 'known') strangers += 1;
    // Until it is sieved the kernel drops boards as well: not a tick is to be lost.
    if (!state.isOn && nextSieve(state, strangers).isOn) rest.abort();
    return passage;
  };

  async function follow(): Promise<void> {
    /** The boards that the sieve lets through; undefined while there is none. */
    let through: string | undefined;
    signal.addEventListener('abort', () => rest.abort(), { once: true });
    while (!signal.aborted) {
      rest = new AbortController();
      await clock.sleep(tickLength, rest.signal).catch(() => undefined);
      state = nextSieve(state, strangers);
      strangers = 0;
      if (!state.isOn && through === undefined) continue;
      // Boards that came meanwhile are let through at the next tick.
      const known = deps.known();
      const wanted = state.isOn ? known.join() : undefined;
      if (wanted === through || signal.aborted) continue;
      const done = await deps.attach(sieveProgram(state, known));
      // What came in before is no sign of what comes in now.
      strangers = 0;
      if (!done.ok) {
        log.warn('dhcp flood: the kernel takes no filter', { ...done.error });
        continue;
      }
      if (through === undefined) log.warn('dhcp flood: sieved');
      if (wanted === undefined) log.warn('dhcp flood is over');
      through = wanted;
    }
    // The launcher's socket outlives the service.
    if (through !== undefined) await deps.attach(sieveProgram(noSieve, []));
  }

  return { admit, closed: follow() };
}
