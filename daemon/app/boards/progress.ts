/**
 * How far each installation is, as its installer tells. In memory: the next word of the installer makes up for it. For as long as
 * it gets on its board is given time, however long that takes: many boards may share one slow network.
 */
import { type DeviceId, minutes } from '../../../config/values.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';

export type Progress = {
  /** `bytes` of `of` are written. */
  readonly tell: (device: Device, bytes: number, of: number) => void;
  /** 0 to 1. */
  readonly of: (device: Device) => number | undefined;
  readonly forget: (id: DeviceId) => void;
  /** Dispatches `install-progressed` for those that got on. Settles when the signal is aborted. */
  readonly follow: (deps: {
    readonly clock: Pick<Clock, 'sleep'>;
    readonly log: Log;
    readonly signal: AbortSignal;
    readonly onTurn: () => void;
  }) => Promise<void>;
};

/** How often boards are given time anew: each time is a write of the disk. Much shorter than `installing` may last. */
export const PROGRESS_TURN = minutes(5);
/** A board that is cut off more often than this in one installation gets no more time for beginning anew. */
const CUTS_MAX = 3;

/** `grown`: since the last turn. `cuts`: how often it began anew. */
type Told = { readonly part: number; readonly grown: boolean; readonly cuts: number };
const nothing: Told = { part: 0, grown: false, cuts: 0 };

const withPart = ({ part: before, grown, cuts }: Told, part: number): Told => {
  // A little less is a word that was overtaken.
  if (part < before / 2) return { part, grown, cuts: cuts + 1 };
  return { part: Math.max(before, part), grown: grown || (part > before && cuts <= CUTS_MAX), cuts };
};

export function createProgress(runner: () => Pick<Runner, 'fleet' | 'dispatch'>): Progress {
  const parts = new Map<DeviceId, Told>();
  return {
    tell: ({ id }, bytes, of) => {
      // A word that was under way when the board moved on would stay for ever.
      if (runner().fleet.byId(id)?.state.name !== 'installing') return;
      parts.set(id, withPart(parts.get(id) ?? nothing, Math.min(1, bytes / of)));
    },
    of: ({ id }) => parts.get(id)?.part,
    forget: (id) => void parts.delete(id),
    follow: async ({ clock, log, signal, onTurn }) => {
      while (!signal.aborted) {
        onTurn();
        await clock.sleep(PROGRESS_TURN, signal).catch(() => undefined);
        if (signal.aborted) break;
        for (const [id, told] of parts) {
          if (!told.grown) continue;
          parts.set(id, { ...told, grown: false });
          // Not written, so it did not happen; while it gets on there is another turn before its time is over.
          const failed = (error: unknown): void => log.error('the progress of a board was not written', { id, error });
          runner()
            .dispatch(id, { event: 'install-progressed', percent: Math.floor(told.part * 100) })
            .catch(failed);
        }
      }
    },
  };
}
