/** Bases: operating system images as published, imported once (import.ts), opened often, never written to. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { problem, type Result } from '../config/result.ts';
import { openBootPartition, parseJson } from './boot-partition.ts';
import { type ByteSource, readOnlyDevice, SECTOR } from './device.ts';
import { openFileSource } from './disk.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import type { Run, Volume } from './fat/volume.ts';
import type { Partition } from './partitions.ts';
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
  readonly bootPartition: Partition;
  /** The imported file's name without `.img`. */
  readonly name: string;
  /** Of the boot partition; empty when it has none. */
  readonly label: string;
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

async function readRecord(path: string): Promise<Result<BaseRecord, ImageProblem>> {
  const text = await attempt(async () => await readFile(join(path, RECORD), 'utf8'));
  if (!text.ok) return problem('BASE_NOT_FOUND', `no base in ${path}: ${text.error.detail}`);
  const record = parseRecord(parseJson(text.value));
  return record === undefined
    ? problem('BASE_DAMAGED_RECORD', `${join(path, RECORD)} is not what an import writes`)
    : { ok: true, value: record };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function parseRecord(json: unknown): BaseRecord | undefined {
  if (!isObject(json) || !isObject(json['bootPartition'])) return undefined;
  const { id, sha256, bytes, heldSha256, name, label } = json;
  const { number, offset, bytes: bootBytes, type } = json['bootPartition'];
  const format = firstBootFormats.find((known) => known === json['format']);
  const texts = [id, sha256, heldSha256, name, label, type];
  // Records of before there were GPT bases: sector 0.
  const numbers = [bytes, number, offset, bootBytes, json['held'] ?? 1];
  if (format === undefined || !isTexts(texts) || !isNumbers(numbers)) return undefined;
  const [idText = '', sum = '', heldSum = '', nameText = '', labelText = '', typeText = ''] = texts;
  const [size = 0, partition = 0, start = 0, length = 0, held = 1] = numbers;
  const bootPartition = { number: partition, offset: start, bytes: length, type: typeText };
  return {
    id: idText,
    sha256: sum,
    bytes: size,
    held,
    heldSha256: heldSum,
    format,
    bootPartition,
    name: nameText,
    label: labelText,
  };
}

const isTexts = (values: readonly unknown[]): values is readonly string[] =>
  values.every((value) => typeof value === 'string');
const isNumbers = (values: readonly unknown[]): values is readonly number[] =>
  values.every((value) => Number.isSafeInteger(value));

/** All bases of a directory, by name; what cannot be read is named, not hidden. A missing directory holds none. */
export async function listBases(
  directory: string,
): Promise<{ readonly bases: readonly BaseRecord[]; readonly damaged: readonly ImageProblem[] }> {
  const names = await attempt(async () => await readdir(directory));
  const records: Result<BaseRecord, ImageProblem>[] = [];
  for (const name of names.ok ? names.value.filter((entry) => /^[0-9a-f]{16}$/.test(entry)) : []) {
    records.push(await readRecord(join(directory, name)));
  }
  const bases = records.flatMap((record) => (record.ok ? [record.value] : []));
  const damaged = records.flatMap((record) => (record.ok ? [] : [record.error]));
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
  };
}
