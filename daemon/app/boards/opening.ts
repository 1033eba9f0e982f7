/** `bramble open`: who may come in by himself just now. On disk before it counts, so that no board comes in twice over. */
import { type DeviceId, type Millis, millis, minutes } from '../../../config/values.ts';
import { type Opening, openingText, resumedOpening } from '../../lifecycle/opening.ts';
import type { Clock, Log } from '../../ports.ts';
import { REST, type Rests } from '../../rests.ts';
import type { Store } from '../../store/store.ts';

const KEY = 'admission.open';
/** What is on disk is never further from the truth than this. */
const NOTED_EVERY = minutes(1);

export type OpeningDesk = {
  /** Undefined: it is closed. */
  readonly now: () => Opening | undefined;
  /** Takes the place of one that is open; settles once it is on disk. */
  readonly open: (opening: Opening) => Promise<void>;
  readonly close: (by: string) => Promise<void>;
  /** Who opened it for this board: it is open, or the board has its place already. */
  readonly openedFor: (id: DeviceId) => string | undefined;
  /** Takes a place for the board, once; false if there is none. Settles when that is on disk. */
  readonly take: (id: DeviceId) => Promise<boolean>;
  /** Closes it when its time is over. Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

export function createOpening(deps: {
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  readonly clock: Clock;
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly log: Log;
}): OpeningDesk {
  const { clock, rests, log } = deps;
  const kept = deps.settings.get(KEY);
  let window = begun(resumedOpening(kept, clock.now()));
  let isKept = kept !== undefined;

  function begun(opening: Opening | undefined) {
    if (opening === undefined) return undefined;
    return { ...opening, closesAt: millis(rests.elapsed() + opening.left), taken: new Set<DeviceId>() };
  }

  const leftOf = ({ closesAt }: { readonly closesAt: Millis }): Millis => millis(closesAt - rests.elapsed());
  const current = () => (window !== undefined && leftOf(window) > 0 ? window : undefined);

  const now: OpeningDesk['now'] = () => {
    const open = current();
    return open && open.boards > 0 ? { by: open.by, boards: open.boards, left: leftOf(open) } : undefined;
  };

  /** `notice`: what happened, for the event log. */
  async function note(notice?: { readonly name: string; readonly reason: string }): Promise<void> {
    const open = now();
    await deps.commit([
      ...(notice === undefined ? [] : [{ write: 'append-notice', at: clock.now(), ...notice } as const]),
      open === undefined
        ? { write: 'delete-setting', key: KEY }
        : { write: 'put-setting', key: KEY, value: openingText(open, clock.now()) },
    ]);
    isKept = open !== undefined;
    if (notice !== undefined) deps.onNotice();
  }

  async function open(opening: Opening): Promise<void> {
    const before = window;
    window = begun(opening);
    const { by, boards, left } = opening;
    const reason = `open for ${boards} ${boards === 1 ? 'board' : 'boards'} and ${Math.ceil(left / 60_000)} min, by ${by}`;
    await note({ name: 'admission-opened', reason }).catch((error: unknown) => {
      window = before;
      throw error;
    });
    log.warn('admission is open', { ...opening });
  }

  async function close(by: string): Promise<void> {
    const wasOpen = now() !== undefined;
    // Closed at once, whatever the disk says.
    window = undefined;
    await note(wasOpen ? closedBy(by) : undefined);
    if (wasOpen) log.warn('admission is closed', { by });
  }

  function openedFor(id: DeviceId): string | undefined {
    const one = current();
    return one !== undefined && (one.boards > 0 || one.taken.has(id)) ? one.by : undefined;
  }

  async function take(id: DeviceId): Promise<boolean> {
    const one = current();
    if (one === undefined) return false;
    if (one.taken.has(id)) return true;
    if (one.boards === 0) return false;
    const places = (difference: number): void => {
      one.boards += difference;
    };
    one.taken.add(id);
    places(-1);
    try {
      await note(one.boards === 0 ? closedBy('its last board') : undefined);
    } catch (error) {
      one.taken.delete(id);
      places(1);
      throw error;
    }
    if (one.boards === 0) log.warn('admission is closed', { by: 'its last board' });
    return true;
  }

  async function follow(signal: AbortSignal): Promise<void> {
    if (now() !== undefined) log.warn('admission is still open', { ...now() });
    let over: ReturnType<typeof closedBy> | undefined;
    for (let noted = rests.elapsed(); !signal.aborted; ) {
      if (window !== undefined && current() === undefined) {
        if (window.boards > 0) {
          over = closedBy('its time');
          log.warn('admission is closed', { by: 'its time' });
        }
        window = undefined;
      }
      const isDue = now() !== undefined && rests.elapsed() - noted >= NOTED_EVERY;
      if (isDue || isKept !== (now() !== undefined)) {
        noted = rests.elapsed();
        await note(over).then(
          () => {
            over = undefined;
          },
          (error: unknown) => log.error('how long admission is open is not noted', { error }),
        );
      }
      await clock.sleep(REST, signal).catch(() => undefined);
    }
  }

  return { now, open, close, openedFor, take, follow };
}

const closedBy = (what: string) => ({ name: 'admission-closed', reason: `closed by ${what}` });
