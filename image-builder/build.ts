/** Carries a plan out over a base: the changed sectors of one board. */
import type { Result } from '../config/result.ts';
import type { Base } from './base.ts';
import { changedSectors, readExactly, SECTOR, type SectorMap } from './device.ts';
import { attempt, type ImageProblem, orThrow } from './errors.ts';
import { openVolume } from './fat/volume.ts';
import { writeFile } from './fat/write.ts';
import { makeOverlay, type Overlay } from './overlay.ts';
import type { BoardPlan } from './wish.ts';

/** The base is only read. The same plan over the same base gives the same overlay. Codes: FAT_…, IMAGE_IO. */
export async function buildOverlay(options: {
  readonly base: Base;
  readonly plan: BoardPlan;
  readonly signal: AbortSignal;
}): Promise<Result<Overlay, ImageProblem>> {
  const { base, plan, signal } = options;
  return await attempt(async () => {
    const layer = changedSectors(base.source);
    const volume = orThrow(await openVolume(layer.device, base.bootPartition));
    for (const { path, bytes } of plan.files) {
      signal.throwIfAborted();
      orThrow(await writeFile(volume, path, bytes));
    }
    return makeOverlay(base, await onlyChanged(base, layer.sectors));
  });
}

/** Without what was written as it was before, and with the held sectors in any case. */
async function onlyChanged(base: Base, sectors: SectorMap): Promise<SectorMap> {
  const changed = new Map<number, Uint8Array>();
  const before = new Uint8Array(SECTOR);
  for (const [sector, bytes] of sectors) {
    await readExactly(base.source, before, sector * SECTOR);
    if (Buffer.compare(before, bytes) !== 0) changed.set(sector, bytes);
  }
  const held = new Uint8Array(base.held * SECTOR);
  await readExactly(base.source, held, 0);
  for (let sector = 0; sector < base.held; sector += 1) {
    changed.set(sector, sectors.get(sector) ?? held.slice(sector * SECTOR, (sector + 1) * SECTOR));
  }
  return changed;
}
