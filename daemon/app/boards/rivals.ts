/**
 * Somebody says to be a board of ours: by its hardware address with another serial number, or by its serial number with
 * another hardware address. A board that was decided about goes on as it is; its owner is told, once an hour at most, since
 * anybody on the LAN can say so as often as he likes.
 */
import { type DeviceId, type Millis, minutes } from '../../../config/values.ts';
import { isOfAnother } from '../../lifecycle/admission.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Sighting } from '../../lifecycle/registry.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Log } from '../../ports.ts';
import type { Rests } from '../../rests.ts';

/** Between two events for one board. */
const PAUSE = minutes(60);
/** The status tells of it for so long after it was last heard. */
const SHOWN = minutes(10);

export type Rivals = {
  /** `by`: what is known of the other one, in words. */
  readonly seen: (board: Device, by: string) => void;
  /** Whoever uses the hardware address of `board` tells this serial number: true, and noted, if that is another board. */
  readonly notice: (board: Device, told: Pick<Sighting, 'mac' | 'serial'>) => boolean;
  /** What is to be told of boards just now. */
  readonly now: () => ReadonlyMap<DeviceId, string>;
  readonly forget: (id: DeviceId) => void;
};

export function createRivals(deps: {
  readonly dispatch: Runner['dispatch'];
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly log: Log;
}): Rivals {
  const { rests, log } = deps;
  /** One a board at most. */
  const claims = new Map<DeviceId, { readonly by: string; readonly heard: Millis; told: Millis | undefined }>();

  function seen(board: Device, by: string): void {
    const told = claims.get(board.id)?.told;
    const isNews = told === undefined || rests.elapsed() - told >= PAUSE;
    const claim = { by, heard: rests.elapsed(), told: isNews ? rests.elapsed() : told };
    claims.set(board.id, claim);
    if (!isNews) return;
    log.error('another board says to be this one', { name: board.name, by });
    deps.dispatch(board.id, { event: 'rival-seen', by }).catch((error: unknown) => {
      // Not written, so it was not told; the next claim is.
      const now = claims.get(board.id);
      if (now !== undefined) now.told = undefined;
      log.error('a rival was not written', { name: board.name, error });
    });
  }

  const notice: Rivals['notice'] = (board, { mac, serial }) => {
    if (!isOfAnother(board, serial)) return false;
    seen(board, `one with the serial number ${serial} has its hardware address ${mac}`);
    return true;
  };

  const now: Rivals['now'] = () =>
    new Map([...claims].flatMap(([id, { by, heard }]) => (rests.elapsed() - heard < SHOWN ? [[id, by] as const] : [])));

  return { seen, notice, now, forget: (id) => void claims.delete(id) };
}
