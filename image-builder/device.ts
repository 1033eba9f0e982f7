/** Random access to images: what is read, and the layer of changed sectors over it. */
import { ImageError } from './errors.ts';

export const SECTOR = 512;

/** Bytes that can be read at any place. The same shape as the daemon's port of this name. */
export type ByteSource = {
  readonly size: number;
  /** Fills `into` from `offset`; returns how many bytes there were (less than asked for only at the end). */
  readonly read: (into: Uint8Array, offset: number) => Promise<number>;
  readonly close: () => Promise<void>;
  /**
   * An open plain file that has the same bytes at the same places, from byte `from` on: they may be sent without being read.
   * Whoever wraps a source and reads otherwise leaves this out.
   */
  readonly file?: { readonly fd: number; readonly from: number };
};

/** A disk. Offsets and lengths in bytes, multiples of the sector when writing; reads fill `into` or fail. */
export type BlockDevice = {
  readonly size: number;
  readonly sectorSize: typeof SECTOR;
  readonly read: (into: Uint8Array, offset: number) => Promise<void>;
  readonly write: (bytes: Uint8Array, offset: number) => Promise<void>;
};

export async function readExactly(source: ByteSource, into: Uint8Array, offset: number): Promise<void> {
  const got = offset < 0 || offset + into.length > source.size ? 0 : await source.read(into, offset);
  if (got !== into.length) {
    throw new ImageError('IMAGE_IO', `the image ends at ${source.size}, ${into.length} bytes wanted`, { offset });
  }
}

/** Bytes from memory as a source. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: async (into, offset) => {
      const part = bytes.subarray(Math.min(offset, bytes.length), offset + into.length);
      into.set(part);
      return part.length;
    },
    close: async () => {},
  };
}

/** `size` zeros: what a new card image is written over. */
export function zeroSource(size: number): ByteSource {
  return {
    size,
    read: async (into, offset) => {
      const length = Math.max(0, Math.min(into.length, size - offset));
      into.fill(0, 0, length);
      return length;
    },
    close: async () => {},
  };
}

/** A device that is only read: writing to it is our own mistake. */
export function readOnlyDevice(source: ByteSource): BlockDevice {
  return {
    size: source.size,
    sectorSize: SECTOR,
    read: async (into, offset) => await readExactly(source, into, offset),
    write: async () => {
      throw new Error('a base image is never written to');
    },
  };
}

/** Sector number → its 512 new bytes. */
export type SectorMap = ReadonlyMap<number, Uint8Array>;
export type ChangedSectors = { readonly device: BlockDevice; readonly sectors: SectorMap };

/** A device over `base` that keeps what is written in memory. The base is never touched. */
export function changedSectors(base: ByteSource): ChangedSectors {
  const sectors = new Map<number, Uint8Array>();
  const write = async (bytes: Uint8Array, offset: number): Promise<void> => {
    if (offset % SECTOR !== 0 || bytes.length % SECTOR !== 0 || offset + bytes.length > base.size) {
      throw new Error(`not whole sectors of the image: ${bytes.length} bytes at ${offset}`);
    }
    for (let at = 0; at < bytes.length; at += SECTOR) {
      sectors.set((offset + at) / SECTOR, bytes.slice(at, at + SECTOR));
    }
  };
  const read = async (into: Uint8Array, offset: number): Promise<void> => {
    await readExactly(base, into, offset);
    laySectors(sectors, into, offset);
  };
  return { device: { size: base.size, sectorSize: SECTOR, read, write }, sectors };
}

/** Puts the changed sectors that fall into `into` (which was read from `offset`) over it. */
export function laySectors(sectors: SectorMap, into: Uint8Array, offset: number): void {
  const first = Math.floor(offset / SECTOR);
  const last = Math.floor((offset + into.length - 1) / SECTOR);
  for (let sector = first; sector <= last; sector += 1) {
    const bytes = sectors.get(sector);
    if (bytes === undefined) continue;
    const at = sector * SECTOR - offset;
    const from = Math.max(0, -at);
    into.set(bytes.subarray(from, Math.min(SECTOR, into.length - at)), at + from);
  }
}

/** The changed sectors over their base, as one image. A view: the base stays its owner's to close. */
export function layeredSource(base: ByteSource, sectors: SectorMap): ByteSource {
  return {
    size: base.size,
    read: async (into, offset) => {
      const length = await base.read(into, offset);
      if (length > 0) laySectors(sectors, into.subarray(0, length), offset);
      return length;
    },
    close: async () => {},
  };
}
