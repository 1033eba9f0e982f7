/**
 * What can be wrong with an image. The byte-level code below throws `ImageError` (a check at every read, and a Result at
 * each of them would hide the format); `attempt` turns it into a Result at the public functions, so none escapes.
 */
import { ok, type Problem, problem, type Result } from '../config/result.ts';

export type FatCode =
  /** No FAT here: boot sector signature, jump or fields that no formatter writes. */
  | 'FAT_NOT_FAT'
  | 'FAT_IS_FAT12'
  | 'FAT_IS_EXFAT'
  | 'FAT_IS_NTFS'
  | 'FAT_SECTOR_SIZE'
  /** The layout says FAT32 and the cluster count FAT16, or the other way round. */
  | 'FAT_TYPE_UNCLEAR'
  /** The boot sector promises more than the partition or the table holds. */
  | 'FAT_DAMAGED_BPB'
  | 'FAT_CLUSTER_RANGE'
  | 'FAT_CLUSTER_LOOP'
  | 'FAT_CHAIN_SHORT'
  | 'FAT_DAMAGED_DIRECTORY'
  | 'FAT_FULL'
  | 'FAT_DIRECTORY_FULL'
  | 'FAT_NOT_FOUND'
  | 'FAT_NOT_A_FILE'
  | 'FAT_NOT_A_DIRECTORY'
  | 'FAT_NOT_EMPTY'
  | 'FAT_BAD_NAME'
  | 'FAT_FILE_TOO_LARGE';

export type PartitionCode =
  | 'PARTITION_NO_TABLE'
  | 'PARTITION_NONE'
  | 'PARTITION_OUTSIDE'
  | 'PARTITION_OVERLAP'
  | 'PARTITION_DAMAGED_GPT'
  | 'PARTITION_NO_BOOT';

export type OverlayCode =
  | 'OVERLAY_NOT_ONE'
  | 'OVERLAY_VERSION'
  | 'OVERLAY_TRUNCATED'
  | 'OVERLAY_CHECKSUM'
  | 'OVERLAY_RUNS'
  | 'OVERLAY_OTHER_BASE';

export type BaseCode =
  | 'BASE_SIZE'
  /** No disk image at all, or none for a Raspberry Pi. */
  | 'BASE_NOT_PI'
  /** A zip that holds no image or several, or in a way that is not unpacked. */
  | 'BASE_ARCHIVE'
  /** What was downloaded ends too early. */
  | 'BASE_TRUNCATED'
  /** What was downloaded cannot be unpacked, or fails the checksum of its own archive. */
  | 'BASE_CORRUPT'
  /** Another SHA-256 than the one that was given. */
  | 'BASE_CHECKSUM'
  | 'BASE_NO_ROOM'
  | 'BASE_NAME'
  /** A program that has to unpack it is not installed. */
  | 'BASE_NO_PROGRAM'
  | 'BASE_NOT_FOUND'
  | 'BASE_DAMAGED_RECORD'
  | 'BASE_CHANGED';

export type PlanCode = 'PLAN_BAD_VALUE' | 'PLAN_BAD_CMDLINE' | 'PLAN_BAD_CONFIG' | 'PLAN_NO_FIRST_BOOT';

export type InitramfsCode =
  | 'NO_BUSYBOX'
  /** Not what a kernel unpacks: no cpio of the form "newc", or a compression that is not known here. */
  | 'INITRAMFS_FORMAT'
  | 'INITRAMFS_TRUNCATED'
  | 'INITRAMFS_TOO_LARGE'
  | 'MODULE_NOT_FOUND';

export type CardCode =
  /** The boot kit starts our installer on no board. */
  | 'KIT_INCOMPLETE'
  /** No EEPROM image, or one for another chip. */
  | 'EEPROM_BAD'
  | 'TARGET_TOO_SMALL'
  | 'TARGET_BUSY'
  /** What was read back is not what was written. */
  | 'VERIFY_FAILED';

export type ImageCode =
  | FatCode
  | PartitionCode
  | OverlayCode
  | BaseCode
  | PlanCode
  | InitramfsCode
  | CardCode
  | 'DISK_MARK_DAMAGED'
  /** The file or card under the image answered with an error, or ended early. */
  | 'IMAGE_IO';

export type ImageProblem = Problem<ImageCode>;

export class ImageError extends Error {
  override name = 'ImageError';
  readonly code: ImageCode;
  /** Byte offset in the image or the encoded file, where one is known. */
  readonly offset: number | undefined;

  constructor(code: ImageCode, detail: string, options: { offset?: number; cause?: unknown } = {}) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.offset = options.offset;
  }
}

const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && 'syscall' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** Damage and failing disks come back as a problem; aborts and our own mistakes stay exceptions. */
export async function attempt<T>(work: () => Promise<T>): Promise<Result<T, ImageProblem>> {
  try {
    return ok(await work());
  } catch (error) {
    return caught(error);
  }
}

/** As `attempt`, for decoders that work on bytes in memory. */
export function attemptSync<T>(work: () => T): Result<T, ImageProblem> {
  try {
    return ok(work());
  } catch (error) {
    return caught(error);
  }
}

function caught(error: unknown): Result<never, ImageProblem> {
  if (error instanceof ImageError) return problem(error.code, error.message, error.offset);
  const code = systemCode(error);
  if (code !== undefined && error instanceof Error) return problem('IMAGE_IO', error.message);
  throw error;
}

/** The value, or an ImageError: how one of our own functions uses another one's Result. */
export function orThrow<T>(result: Result<T, ImageProblem>): T {
  if (result.ok) return result.value;
  const { code, detail, offset } = result.error;
  throw new ImageError(code, detail, offset === undefined ? {} : { offset });
}
