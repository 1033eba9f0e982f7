/** Who would miss an imported image: boards whose own sectors lie over it, and keys of bramble.yaml. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '../config/result.ts';
import type { Config } from '../config/schema.ts';
import {
  type Base,
  type BaseRecord,
  decodeOverlay,
  type Partition,
  readOnlyDevice,
  readPartitions,
} from '../image-builder/index.ts';

export type BaseUses = {
  /** Boards that are installed from it at this moment; their ids where nobody knows their names. */
  readonly boards: readonly string[];
  /** As `images.kit`. */
  readonly keys: readonly string[];
};

export async function usesOf(
  { data, images }: Config,
  { id, name }: Pick<BaseRecord, 'id' | 'name'>,
  nameOf: (deviceId: string) => string | undefined,
): Promise<Result<BaseUses, { readonly detail: string }>> {
  const named: readonly (readonly [key: string, base: string | undefined])[] = [
    ['images.default', images.default],
    ['images.kit', images.kit],
    ...Object.entries(images.models).map(([model, base]) => [`images.models.${model}`, base] as const),
  ];
  const keys = named.filter(([, base]) => base === name || base === id).map(([key]) => key);
  const boards: string[] = [];
  const folder = join(data, 'overlays');
  try {
    for (const file of await readdir(folder)) {
      if (!file.endsWith('.overlay')) continue;
      const overlay = decodeOverlay(await readFile(join(folder, file)));
      const deviceId = file.slice(0, -'.overlay'.length);
      // The id is its beginning; of a base whose record is damaged no more is known.
      if (overlay.ok && overlay.value.baseDigest.startsWith(id)) boards.push(nameOf(deviceId) ?? deviceId);
    }
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) return { ok: false, error: { detail: error instanceof Error ? error.message : String(error) } };
  }
  return { ok: true, value: { boards: boards.sort((a, b) => a.localeCompare(b)), keys } };
}

/** Empty where they cannot be read any more. */
export async function partitionsOf(base: Base): Promise<readonly Partition[]> {
  const partitions = await readPartitions(readOnlyDevice(base.source));
  return partitions.ok ? partitions.value : [];
}
