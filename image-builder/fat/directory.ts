/** Directory tables: 32-byte slots, long names before their 8.3 entry (fatgen103 pages 22-33). Pure. */
import { ImageError } from '../errors.ts';
import type { Geometry } from './bpb.ts';
import {
  aliasFor,
  exactShort,
  longEntries,
  longPart,
  SHORT_BYTES,
  sameName,
  shortChecksum,
  shortText,
} from './names.ts';

export const SLOT = 32;
/** fatgen103 page 36: 65536 slots are the most a directory may have. */
export const DIRECTORY_BYTES = 65_536 * SLOT;

const DELETED = 0xe5;
const attribute = { volumeLabel: 0x08, directory: 0x10, archive: 0x20, long: 0x0f } as const;
/** 1 January 2020, 00:00. One date in all images: the same plan must give the same bytes whenever it is carried out. */
const DATE = ((2020 - 1980) << 9) | (1 << 5) | 1;

export type Entry = {
  readonly name: string;
  /** The 8.3 name, by which it can be looked up as well. */
  readonly alias: string;
  readonly isDirectory: boolean;
  /** Bytes; 0 for directories. */
  readonly size: number;
  readonly firstCluster: number;
  /** Positions in the directory's bytes: of its first slot, and of its 8.3 slot (its last one). */
  readonly start: number;
  readonly slot: number;
};

export type Listing = {
  readonly entries: readonly Entry[];
  readonly label: string | undefined;
  /** Position of the first slot never used. */
  readonly end: number;
};

const slotView = (bytes: Uint8Array, at: number): DataView => new DataView(bytes.buffer, bytes.byteOffset + at, SLOT);

/** Every well-formed entry; long-name slots that belong to no 8.3 entry are passed over, as every system does. */
export function parseDirectory(bytes: Uint8Array, type: Geometry['type']): Listing {
  const entries: Entry[] = [];
  let label: string | undefined;
  let long: LongName | undefined;
  let at = 0;
  for (; at + SLOT <= bytes.length; at += SLOT) {
    const view = slotView(bytes, at);
    const first = view.getUint8(0);
    const attributes = view.getUint8(11);
    if (first === 0) break;
    if (first === DELETED) {
      long = undefined;
    } else if ((attributes & 0x3f) === attribute.long) {
      long = addLongPart(long, view, at);
    } else {
      const raw = bytes.subarray(at, at + SHORT_BYTES);
      if ((attributes & attribute.volumeLabel) !== 0) label ??= shortText(raw, 0).replace('.', '');
      else if (first !== 0x2e) entries.push(entryOf(view, raw, at, type, long));
      long = undefined;
    }
  }
  return { entries, label, end: at };
}

/** Long-name parts seen so far; `next` is the number that the following one must have, 0 when all are there. */
type LongName = { readonly text: string; readonly next: number; readonly checksum: number; readonly start: number };

function addLongPart(long: LongName | undefined, view: DataView, at: number): LongName | undefined {
  const order = view.getUint8(0);
  const number = order & 0x3f;
  const checksum = view.getUint8(13);
  if ((order & 0x40) !== 0 && number >= 1 && number <= 20) {
    return { text: longPart(view), next: number - 1, checksum, start: at };
  }
  const follows = long !== undefined && long.next === number && number > 0 && long.checksum === checksum;
  return follows ? { ...long, text: longPart(view) + long.text, next: number - 1 } : undefined;
}

function entryOf(view: DataView, raw: Uint8Array, at: number, type: 16 | 32, long: LongName | undefined): Entry {
  const whole = long !== undefined && long.next === 0 && long.checksum === shortChecksum(raw);
  const alias = shortText(raw, 0);
  const high = type === 32 ? view.getUint16(20, true) : 0;
  const isDirectory = (view.getUint8(11) & attribute.directory) !== 0;
  return {
    name: whole && long.text !== '' ? long.text : shortText(raw, view.getUint8(12)),
    alias,
    isDirectory,
    size: isDirectory ? 0 : view.getUint32(28, true),
    firstCluster: high * 65_536 + view.getUint16(26, true),
    start: whole ? long.start : at,
    slot: at,
  };
}

/** By its long name or its 8.3 name, whatever the case. */
export const findIn = (listing: Listing, name: string): Entry | undefined =>
  listing.entries.find((entry) => sameName(entry.name, name) || sameName(entry.alias, name));

export type Content = { readonly firstCluster: number; readonly size: number };

/** The slots of a new entry: long-name parts where the name is no plain 8.3 name, then the 8.3 slot. */
export function newSlots(name: string, isDirectory: boolean, content: Content, listing: Listing): Uint8Array {
  const exact = exactShort(name);
  const raw = exact ?? aliasFor(name, new Set(listing.entries.map((entry) => entry.alias.toUpperCase())));
  const long = exact === undefined ? longEntries(name, raw) : new Uint8Array(0);
  const slots = new Uint8Array(long.length + SLOT);
  slots.set(long);
  slots.set(shortSlot(raw, isDirectory, content), long.length);
  return slots;
}

function shortSlot(raw: Uint8Array, isDirectory: boolean, content: Content): Uint8Array {
  const bytes = new Uint8Array(SLOT);
  bytes.set(raw);
  bytes[11] = isDirectory ? attribute.directory : attribute.archive;
  const view = new DataView(bytes.buffer);
  for (const at of [16, 18, 24]) view.setUint16(at, DATE, true);
  setContent(bytes, 0, content);
  return bytes;
}

/** For a new entry, whose slots were made before there was room for its content. */
export function setContent(bytes: Uint8Array, slot: number, { firstCluster, size }: Content): void {
  const view = slotView(bytes, slot);
  view.setUint16(20, firstCluster >>> 16, true);
  view.setUint16(26, firstCluster & 0xffff, true);
  view.setUint32(28, size, true);
}

/** Points an existing entry at new content. */
export function updateSlot(bytes: Uint8Array, slot: number, content: Content): void {
  const view = slotView(bytes, slot);
  setContent(bytes, slot, content);
  view.setUint16(22, 0, true);
  view.setUint16(24, DATE, true);
  view.setUint8(11, view.getUint8(11) | attribute.archive);
}

export function markDeleted(bytes: Uint8Array, entry: Entry): void {
  for (let at = entry.start; at <= entry.slot; at += SLOT) bytes[at] = DELETED;
}

/** The first position with `length` bytes of unused slots; may lie at the end, or beyond what the directory has. */
export function roomFor(bytes: Uint8Array, end: number, length: number): number {
  let start = 0;
  for (let at = 0; at < end; at += SLOT) {
    if (bytes[at] !== DELETED) start = at + SLOT;
    else if (at + SLOT - start >= length) return start;
  }
  return start;
}

/** The `.` and `..` of a new directory. `parent` is 0 when that is the root. */
export function dotSlots(self: number, parent: number): Uint8Array {
  const bytes = new Uint8Array(2 * SLOT);
  for (const [index, cluster] of [self, parent].entries()) {
    const raw = Uint8Array.from('.'.repeat(index + 1).padEnd(SHORT_BYTES), (char) => char.charCodeAt(0));
    bytes.set(shortSlot(raw, true, { firstCluster: cluster, size: 0 }), index * SLOT);
  }
  return bytes;
}

/** A volume label as a root directory entry. */
export function labelSlot(label: string): Uint8Array {
  const raw = Uint8Array.from(label.padEnd(SHORT_BYTES).slice(0, SHORT_BYTES), (char) => char.charCodeAt(0));
  const bytes = shortSlot(raw, false, { firstCluster: 0, size: 0 });
  bytes[11] = attribute.volumeLabel;
  return bytes;
}

/** `a/b/c` as its parts; `.` and `..` have no business in an image. */
export function pathParts(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '.' || part === '..')) {
    throw new ImageError('FAT_BAD_NAME', `${JSON.stringify(path.slice(0, 80))} is no path inside an image`);
  }
  return parts;
}
