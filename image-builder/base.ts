/** Bases: operating system images as published, imported once (import.ts), opened often, never written to. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { problem, type Result } from '../config/result.ts';
import { openBootPartition, parseJson } from './boot-partition.ts';
import { type ByteSource, readOnlyDevice, SECTOR } from './device.ts';
import { openFileSource } from './disk.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import type { Run, Volume } from './fat/volume.ts';
import type { Partition } from './partitions.ts';
import { type Flavour, flavours } from './recognise.ts';
import { type Packing, packings } from './strangers.ts';
import { type FirstBootFormat, firstBootFormats } from './wish.ts';

/** What is known of a base without opening it: `base.json` beside its image. */
export type BaseRecord = {
  /** The first 16 digits of `sha256`; also its directory's name. */
  readonly id: string;
  /** Of the whole image, lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Sectors at the start of the image that a board gets last: its partition table. */
  readonly held: number;
  /** Of the stream that boards are given: the image with those sectors as zeros. */
  readonly heldSha256: string;
  readonly format: FirstBootFormat;
  readonly flavour: Flavour;
  /** What was recognised, a sentence for people. */
  readonly found: string;
  readonly bootPartition: Partition;
  /** What bramble.yaml calls it; unlike that of any other base. */
  readonly name: string;
  /** Of the boot partition; empty when it has none. */
  readonly label: string;
  /** The file that was imported. */
  readonly published?: {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly packing: Packing;
  };
  /** Which of the two sums was the expected one, and who expected it; missing if nobody did. */
  readonly checked?: { readonly of: 'published' | 'image'; readonly from: string };
};

/** An opened base; the caller closes it once nothing reads from it any more. */
export type Base = BaseRecord & {
  readonly directory: string;
  readonly source: ByteSource;
  readonly boot: Volume;
  /** Where boot files lie, by lower-case path: the image never changes, and boards ask for the same files again and again. */
  readonly places: Map<string, FilePlace | undefined>;
  readonly close: () => Promise<void>;
};
export type FilePlace = { readonly size: number; readonly runs: readonly Run[] };

export const IMAGE = 'base.img';
export const RECORD = 'base.json';

/** Opens `directory/<id>`: reads the record and the boot sector. Codes: BASE_NOT_FOUND, _DAMAGED_RECORD, _CHANGED, FAT_…. */
export async function openBase(path: string): Promise<Result<Base, ImageProblem>> {
  const record = await readRecord(path);
  if (!record.ok) return record;
  return await attempt(async () => {
    const source = await openFileSource(join(path, IMAGE));
    try {
      if (source.size !== record.value.bytes) {
        throw new ImageError(
          'BASE_CHANGED',
          `${path}: ${source.size} bytes, ${record.value.bytes} when it was imported`,
        );
      }
      const { volume: boot } = orThrow(await openBootPartition(readOnlyDevice(source)));
      const close = async (): Promise<void> => await source.close();
      return { ...record.value, directory: path, source, boot, places: new Map(), close };
    } catch (error) {
      await source.close();
      throw error;
    }
  });
}

/** BASE_NOT_FOUND, BASE_DAMAGED_RECORD. */
export async function readRecord(path: string): Promise<Result<BaseRecord, ImageProblem>> {
  const text = await attempt(async () => await readFile(join(path, RECORD), 'utf8'));
  if (!text.ok) return problem('BASE_NOT_FOUND', `no base in ${path}: ${text.error.detail}`);
  const record = parseRecord(parseJson(text.value));
  if (record !== undefined) return { ok: true, value: record };
  const advice = `add that image again, or bramble image remove ${basename(path)}`;
  return problem('BASE_DAMAGED_RECORD', `${join(path, RECORD)} is not what an import writes: ${advice}`);
}

/** False: of the version before, which knew nothing of `held`, `flavour` and `found`. */
export const isRecognised = ({ found }: BaseRecord): boolean => found !== '';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Hand-written or of a later version: what is not understood is no record. Records of before there were flavours are read. */
function parseRecord(json: unknown): BaseRecord | undefined {
  if (!isObject(json)) return undefined;
  const bootPartition = parsePartition(json['bootPartition']);
  const format = firstBootFormats.find((known) => known === json['format']);
  const { id, sha256, heldSha256, name, label, bytes, held = 1, found = '' } = json;
  if (bootPartition === undefined || format === undefined) return undefined;
  if (!isText(id) || !isText(sha256) || !isText(heldSha256) || !isText(name) || !isText(label)) return undefined;
  if (!isCount(bytes) || !isCount(held) || held > 34 || !isText(found)) return undefined;
  const flavour = flavours.find((known) => known === json['flavour']) ?? 'unknown';
  const published = parsePublished(json['published']);
  const checked = parseChecked(json['checked']);
  return {
    ...{ id, name, bytes, sha256, held, heldSha256, format, flavour, found, bootPartition, label },
    ...(published && { published }),
    ...(checked && { checked }),
  };
}

function parsePartition(json: unknown): Partition | undefined {
  if (!isObject(json)) return undefined;
  const { number, offset, bytes, type } = json;
  return isCount(number) && isCount(offset) && isCount(bytes) && isText(type)
    ? { number, offset, bytes, type }
    : undefined;
}

function parsePublished(json: unknown): BaseRecord['published'] {
  if (!isObject(json)) return undefined;
  const { name, bytes, sha256 } = json;
  const packing = packings.find((known) => known === json['packing']);
  return isText(name) && isCount(bytes) && isText(sha256) && packing !== undefined
    ? { name, bytes, sha256, packing }
    : undefined;
}

function parseChecked(json: unknown): BaseRecord['checked'] {
  if (!isObject(json)) return undefined;
  const { of, from } = json;
  return (of === 'published' || of === 'image') && isText(from) ? { of, from } : undefined;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value);

/** `id` is missing where the directory itself cannot be read. */
export type DamagedBase = ImageProblem & { readonly id?: string };

/** All bases of a directory, by name; what cannot be read is named, not hidden. A missing directory holds none. */
export async function listBases(
  directory: string,
): Promise<{ readonly bases: readonly BaseRecord[]; readonly damaged: readonly DamagedBase[] }> {
  const names = await attempt(async () => await readdir(directory));
  const missing = !names.ok && names.error.detail.startsWith('ENOENT');
  const bases: BaseRecord[] = [];
  const damaged: DamagedBase[] = names.ok || missing ? [] : [names.error];
  for (const id of names.ok ? names.value.filter((entry) => /^[0-9a-f]{16}$/.test(entry)) : []) {
    const record = await readRecord(join(directory, id));
    if (record.ok) bases.push(record.value);
    else damaged.push({ ...record.error, id });
  }
  return { bases: bases.sort((a, b) => a.name.localeCompare(b.name)), damaged };
}

/**
 * The stream that is served to every board: the base with its partition table as zeros; its SHA-256 is
 * `base.heldSha256`. A view of the opened base, closing it does nothing.
 */
export function heldBase(base: Base): ByteSource {
  const held = base.held * SECTOR;
  return {
    size: base.source.size,
    read: async (into, offset) => {
      const length = await base.source.read(into, offset);
      if (offset < held) into.fill(0, 0, Math.min(length, held - offset));
      return length;
    },
    close: async () => {},
    ...(base.source.file !== undefined && { file: { fd: base.source.file.fd, from: held } }),
  };
}
