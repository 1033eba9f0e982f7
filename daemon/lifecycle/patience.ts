/**
 * How long each board has been in its state, counted in rests. The wall clock is not read: a master without a battery gets
 * its time from the network, hours off, and after a power cut every board would be late at once. A restart counts from the
 * beginning, for the same reason.
 */
import { type DeviceId, type Instant, type Millis, millis, since } from '../../config/values.ts';
import type { Device } from './device.ts';

export type Patience = {
  /** This much time went by. Returns the boards whose state has lasted longer than it may. */
  readonly rested: (time: Millis, devices: readonly Device[]) => readonly Device[];
};

export function createPatience(): Patience {
  const waited = new Map<DeviceId, { readonly since: Instant; readonly time: Millis }>();
  return {
    rested: (time, devices) => {
      const late: Device[] = [];
      for (const device of devices) {
        const before = waited.get(device.id);
        const known = before?.since === device.since ? before.time : millis(0);
        const now = millis(known + time);
        waited.set(device.id, { since: device.since, time: now });
        if (device.deadline !== undefined && now >= since(device.since, device.deadline)) late.push(device);
      }
      if (waited.size > devices.length) {
        const ids = new Set(devices.map(({ id }) => id));
        for (const id of waited.keys()) if (!ids.has(id)) waited.delete(id);
      }
      return late;
    },
  };
}
