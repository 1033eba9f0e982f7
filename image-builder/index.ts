/**
 * Images for boards: bases, plans, overlays, join cards. The only file that other folders import.
 *
 * A board's image: `openBase` → `planBoard(wish, existingBootFiles(base))` → `buildOverlay` → `heldBase` and the overlay's
 * runs for an installer, or `overlaySource(base.source, overlay)` as a whole image.
 */

export { type Base, type BaseRecord, heldBase, listBases, openBase, RECORD } from './base.ts';
export { baseProblems, chooseBase } from './base-choice.ts';
export { deviceNumber, readBlockDevices } from './block-devices.ts';
export { existingBootFiles, listBootFiles, openBootFile, readBootFile } from './boot-files.ts';
export { type Chip, chipOf, kernelOf, kitGaps } from './boot-kit.ts';
export { readDiskMark } from './boot-partition.ts';
export { buildOverlay } from './build.ts';
export { readBusybox } from './busybox.ts';
export { incompatibility } from './compatibility.ts';
export { type ByteSource, memorySource, readOnlyDevice } from './device.ts';
export { openDisk, openFileSource } from './disk.ts';
export { diskContents } from './disk-contents.ts';
export {
  asksNetwork,
  bootOrderIn,
  type EepromChip,
  eepromChips,
  eepromSignature,
  explainBootOrder,
} from './eeprom.ts';
export { readEeprom, type SuppliedEeprom } from './eeprom-folder.ts';
export { flashDisk } from './flash.ts';
export { type BlockDisk, flashCandidates, flashTarget } from './flash-targets.ts';
export { type ImageStream, imageFile } from './image-stream.ts';
export { type ImportedBase, type ImportProgress, importBase } from './import.ts';
export { INSTALLER_PATH, installerInitramfs } from './initramfs.ts';
export { type CardEeprom, type JoinCard, joinCard } from './join-card.ts';
export { kitModules } from './kit-modules.ts';
export { decodeOverlay, encodeOverlay, type Overlay, overlaySource } from './overlay.ts';
export { type Partition, readPartitions } from './partitions.ts';
export { planBoard } from './plan.ts';
export { saveImage } from './save.ts';
export { securityNote } from './security-updates.ts';
export { removeBase } from './unfinished.ts';
export { verifyBase } from './verify.ts';
export type {
  AddedFile,
  Additions,
  BoardPlan,
  BoardWish,
  ExistingBootFiles,
  PlannedFile,
  StaticAddress,
} from './wish.ts';
