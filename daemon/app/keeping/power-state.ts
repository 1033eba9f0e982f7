/** Whether a board has power, as the owner's command says: a sign of its own that it is gone. */
import type { Problem, Result } from '../../../config/result.ts';
import type { PowerState, Probes } from '../../cluster/failover/signs.ts';
import type { Log } from '../../ports.ts';

export type PowerStateDeps = {
  /** The owner's command, with its own limit of time. */
  readonly ask: (board: string, signal: AbortSignal) => Promise<Result<PowerState, Problem>>;
  readonly log: Log;
};

/** Programs at a time; a switch that is asked over SNMP likes no more either. */
const PROGRAMS = 4;

/** Whoever asks about a board that is being asked about gets that answer; beyond the limit it is `unknown`, and asked again. */
export function createPowerState({ ask, log }: PowerStateDeps): Probes['power'] {
  const underWay = new Map<string, Promise<PowerState>>();
  /** That it does not work is told once, until it does. */
  let failure: string | undefined;

  async function question(board: string, signal: AbortSignal): Promise<PowerState> {
    try {
      const told = await ask(board, signal);
      if (!told.ok && told.error.code !== failure)
        log.warn('power.command does not say the state', { board, ...told.error });
      failure = told.ok ? undefined : told.error.code;
      return told.ok ? told.value : 'unknown';
    } catch (cause) {
      if (!signal.aborted) log.error('power.command could not be asked', { board, cause });
      return 'unknown';
    } finally {
      underWay.delete(board);
    }
  }

  return async (board, signal) => {
    const running = underWay.get(board);
    if (running !== undefined) return await running;
    if (underWay.size >= PROGRAMS) return 'unknown';
    const asked = question(board, signal);
    underWay.set(board, asked);
    return await asked;
  };
}
