/** The base that each board is being installed from: in use until that is over, whatever becomes of it on the shelf. */
import type { DeviceId } from '../../../config/values.ts';
import type { Base } from '../../../image-builder/index.ts';
import type { BaseShelf } from './base-shelf.ts';

export type InstallationBases = {
  /** By the SHA-256 of the whole image; undefined if nobody has it any more. It stays open until `release`. */
  readonly of: (id: DeviceId, sha256: string) => Promise<Base | undefined>;
  readonly release: (id: DeviceId) => Promise<void>;
};

export function installationBases(shelf: Pick<BaseShelf, 'find'>): InstallationBases {
  const leases = new Map<DeviceId, Base>();

  async function release(id: DeviceId): Promise<void> {
    const base = leases.get(id);
    leases.delete(id);
    await base?.close();
  }

  async function of(id: DeviceId, sha256: string): Promise<Base | undefined> {
    if (leases.get(id)?.sha256 === sha256) return leases.get(id);
    const base = await shelf.find((known) => known.sha256 === sha256);
    // The one before, or one that was opened beside this.
    await release(id);
    if (base !== undefined) leases.set(id, base);
    return base;
  }

  return { of, release };
}
