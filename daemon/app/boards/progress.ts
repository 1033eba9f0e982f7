/** How far each installation is, as its installer tells. In memory: the next word of the installer makes up for it. */
import type { DeviceId } from '../../../config/values.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';

export type Progress = {
  /** `bytes` of `of` are written. */
  readonly tell: (device: Device, bytes: number, of: number) => void;
  /** 0 to 1. */
  readonly of: (device: Device) => number | undefined;
  readonly forget: (id: DeviceId) => void;
};

export function createProgress(fleet: () => Fleet): Progress {
  const parts = new Map<DeviceId, number>();
  return {
    tell: ({ id }, bytes, of) => {
      // A word that was under way when the board moved on would stay for ever.
      if (fleet().byId(id)?.state.name === 'installing') parts.set(id, Math.min(1, bytes / of));
    },
    of: ({ id }) => parts.get(id),
    forget: (id) => void parts.delete(id),
  };
}
