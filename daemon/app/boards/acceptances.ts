/** Boards that were accepted by themselves within the last hour (`admission.limit`), counted in rests and over restarts. */
import { type DeviceId, type Instant, type Millis, minutes, since } from '../../../config/values.ts';
import type { Rests } from '../../rests.ts';
import type { Store } from '../../store/store.ts';

const HOUR = minutes(60);

export type Acceptances = {
  /** Without this one: it is asked about again. */
  readonly besides: (id: DeviceId) => number;
  /** Each once, also if it could not be written at first. */
  readonly note: (id: DeviceId) => void;
};

/** Of those of an earlier process each counts for another whole hour: what time it is nobody can be sure of. */
export function createAcceptances(earlier: readonly DeviceId[], rests: Pick<Rests, 'elapsed'>): Acceptances {
  const at = new Map<DeviceId, Millis>(earlier.map((id) => [id, rests.elapsed()]));
  const recent = (): ReadonlyMap<DeviceId, Millis> => {
    for (const [id, noted] of at) if (rests.elapsed() - noted >= HOUR) at.delete(id);
    return at;
  };
  return {
    besides: (id) => recent().size - (at.has(id) ? 1 : 0),
    note: (id) => void at.set(id, rests.elapsed()),
  };
}

/** By the wall clock; one that was set back since has boards of the future, and they count. */
export const recentlyAccepted = (store: Pick<Store, 'events'>, now: Instant): readonly DeviceId[] =>
  store
    .events({ limit: 1000 })
    .filter(({ name, to, at }) => name === 'admission-decided' && to === 'accepted' && since(at, now) < HOUR)
    .flatMap(({ device }) => (device === undefined ? [] : [device]));
