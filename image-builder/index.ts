/**
 * Images for boards: bases, plans, overlays, join cards. The only file that other folders import.
 *
 * A board's image: `openBase` → `planBoard(wish, existingBootFiles(base))` → `buildOverlay` → `heldBase` and the overlay's
 * runs for an installer, or `overlaySource(base.source, overlay)` as a whole image.
 */

export { type Base, type BaseRecord, heldBase, listBases, openBase } from './base.ts';
export { existingBootFiles, listBootFiles, openBootFile, readBootFile } from './boot-files.ts';
export { type DiskMark, readDiskMark } from './boot-partition.ts';
export { buildOverlay } from './build.ts';
export type { BlockDevice, ByteSource } from './device.ts';
export { type Disk, openDisk } from './disk.ts';
export type { ImageCode, ImageProblem } from './errors.ts';
export type { FileInfo } from './fat/volume.ts';
export { importBase } from './import.ts';
export { INSTALLER_PATH, installerInitramfs } from './initramfs.ts';
export { type CardFile, type JoinCardOptions, type JoinConfig, joinCard } from './join-card.ts';
export { decodeOverlay, encodeOverlay, type Overlay, type OverlayRun, overlaySource } from './overlay.ts';
export { planBoard } from './plan.ts';
export type {
  BoardPlan,
  BoardWish,
  ExistingBootFiles,
  FirstBootFormat,
  PlannedFile,
  SshHostKey,
  StaticAddress,
} from './wish.ts';
