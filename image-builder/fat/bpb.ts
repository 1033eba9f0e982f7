/** The FAT boot sector: Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (fatgen103). All fields little-endian. */
import { SECTOR } from '../device.ts';
import { ImageError } from '../errors.ts';

/** Where things are in one FAT volume. Offsets and lengths in bytes, from the start of the device. */
export type Geometry = {
  readonly type: 16 | 32;
  readonly clusterBytes: number;
  /** Clusters are numbered 2 to clusterCount + 1. */
  readonly clusterCount: number;
  readonly fatBytes: number;
  /** The copy that is read. */
  readonly fatOffset: number;
  /** All copies that are written. */
  readonly fatCopies: readonly number[];
  readonly dataOffset: number;
  /** FAT16: a fixed region. FAT32: a chain like any other directory. */
  readonly root: { readonly offset: number; readonly bytes: number } | { readonly cluster: number };
  /** FAT32 only. */
  readonly fsInfoOffset: number | undefined;
};

const powerOfTwo = (number: number): boolean => number > 0 && (number & (number - 1)) === 0;

const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** `volumeOffset`, `volumeBytes`: the partition's. Throws an ImageError that says what it is instead. */
export function parseBootSector(bytes: Uint8Array, volumeOffset: number, volumeBytes: number): Geometry {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SECTOR);
  refuseOthers(bytes, view, volumeOffset);
  const damaged = (detail: string, at: number): never => {
    throw new ImageError('FAT_DAMAGED_BPB', detail, { offset: volumeOffset + at });
  };
  const sectorsPerCluster = view.getUint8(13);
  if (!powerOfTwo(sectorsPerCluster)) damaged(`${sectorsPerCluster} sectors per cluster`, 13);
  const reserved = view.getUint16(14, true);
  if (reserved === 0) damaged('no reserved sector', 14);
  const copies = view.getUint8(16);
  if (copies < 1 || copies > 4) damaged(`${copies} copies of the table`, 16);
  const rootEntries = view.getUint16(17, true);
  const total = view.getUint16(19, true) || view.getUint32(32, true);
  if (total === 0 || total * SECTOR > volumeBytes) damaged(`${total} sectors in ${volumeBytes} bytes`, 32);
  const fat16Sectors = view.getUint16(22, true);
  const fatSectors = fat16Sectors || view.getUint32(36, true);
  const rootSectors = Math.ceil((rootEntries * 32) / SECTOR);
  const dataSector = reserved + copies * fatSectors + rootSectors;
  if (fatSectors === 0 || dataSector >= total) damaged(`a table of ${fatSectors} sectors leaves no data`, 22);
  const clusterCount = Math.floor((total - dataSector) / sectorsPerCluster);
  const type = typeByCount(clusterCount, volumeOffset);
  // Quirk: formatters can be forced to make a FAT32 with too few clusters. Linux takes it, the specification does not
  // (page 14), the boot ROMs differ; a wrong guess would write 16-bit entries into a 32-bit table.
  if ((fat16Sectors === 0) !== (type === 32)) {
    throw new ImageError(
      'FAT_TYPE_UNCLEAR',
      `${clusterCount} clusters mean FAT${type}, the boot sector means the other`,
      {
        offset: volumeOffset + 22,
      },
    );
  }
  const fatBytes = fatSectors * SECTOR;
  if ((clusterCount + 2) * (type / 8) > fatBytes) damaged(`a table of ${fatSectors} sectors is too short`, 22);
  const shape = { type, reserved, copies, fatBytes, rootSectors, clusterCount, volumeOffset };
  return {
    type,
    clusterBytes: sectorsPerCluster * SECTOR,
    clusterCount,
    fatBytes,
    dataOffset: volumeOffset + dataSector * SECTOR,
    ...(type === 16 ? layout16(view, shape) : layout32(view, shape)),
  };
}

function refuseOthers(bytes: Uint8Array, view: DataView, offset: number): void {
  const label = ascii(bytes, 3, 8);
  if (label === 'EXFAT   ')
    throw new ImageError('FAT_IS_EXFAT', 'an exFAT file system; FAT16 or FAT32 is needed', { offset });
  if (label === 'NTFS    ')
    throw new ImageError('FAT_IS_NTFS', 'an NTFS file system; FAT16 or FAT32 is needed', { offset });
  const jump = bytes[0] === 0xe9 || (bytes[0] === 0xeb && bytes[2] === 0x90);
  if (!jump || view.getUint16(510, true) !== 0xaa55) {
    throw new ImageError('FAT_NOT_FAT', 'no FAT boot sector', { offset });
  }
  const sectorSize = view.getUint16(11, true);
  if (sectorSize !== SECTOR) {
    const legal = powerOfTwo(sectorSize) && sectorSize >= 512 && sectorSize <= 4096;
    throw new ImageError(
      legal ? 'FAT_SECTOR_SIZE' : 'FAT_NOT_FAT',
      `sectors of ${sectorSize} bytes; only 512 are supported`,
      { offset: offset + 11 },
    );
  }
}

/** fatgen103 page 14: the count of clusters decides, and nothing else does. */
function typeByCount(clusters: number, offset: number): 16 | 32 {
  if (clusters < 4085) {
    throw new ImageError('FAT_IS_FAT12', `a FAT12 file system (${clusters} clusters); FAT16 or FAT32 is needed`, {
      offset,
    });
  }
  return clusters < 65_525 ? 16 : 32;
}

type Shape = {
  readonly reserved: number;
  readonly copies: number;
  readonly fatBytes: number;
  readonly rootSectors: number;
  readonly clusterCount: number;
  readonly volumeOffset: number;
};
type Layout = Pick<Geometry, 'fatOffset' | 'fatCopies' | 'root' | 'fsInfoOffset'>;

const copyOffsets = ({ volumeOffset, reserved, copies, fatBytes }: Shape): number[] =>
  Array.from({ length: copies }, (_, copy) => volumeOffset + reserved * SECTOR + copy * fatBytes);

function layout16(view: DataView, shape: Shape): Layout {
  if (shape.rootSectors === 0) {
    throw new ImageError('FAT_DAMAGED_BPB', 'a FAT16 without a root directory', { offset: shape.volumeOffset + 17 });
  }
  const fatCopies = copyOffsets(shape);
  const fatOffset = shape.volumeOffset + shape.reserved * SECTOR;
  const offset = fatOffset + shape.copies * shape.fatBytes;
  return { fatOffset, fatCopies, root: { offset, bytes: view.getUint16(17, true) * 32 }, fsInfoOffset: undefined };
}

function layout32(view: DataView, shape: Shape): Layout {
  const { volumeOffset: offset } = shape;
  const version = view.getUint16(42, true);
  const cluster = view.getUint32(44, true);
  if (version !== 0 || shape.rootSectors !== 0 || cluster < 2 || cluster > shape.clusterCount + 1) {
    throw new ImageError('FAT_DAMAGED_BPB', `FAT32 version ${version}, root directory in cluster ${cluster}`, {
      offset: offset + 42,
    });
  }
  const flags = view.getUint16(40, true);
  const copies = copyOffsets(shape);
  // Bit 7: no mirroring, bits 0-3 name the only copy in use.
  const fatCopies = (flags & 0x80) === 0 ? copies : copies.slice(flags & 15, (flags & 15) + 1);
  const [fatOffset] = fatCopies;
  if (fatOffset === undefined)
    throw new ImageError('FAT_DAMAGED_BPB', 'the active table does not exist', { offset: offset + 40 });
  const info = view.getUint16(48, true);
  const fsInfoOffset = info > 0 && info < shape.reserved ? offset + info * SECTOR : undefined;
  return { fatOffset, fatCopies, root: { cluster }, fsInfoOffset };
}
