/** Each board's own sectors, on disk from when its image is made until it is on the board's disk: they hold its host key. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceId } from '../../../config/values.ts';
import { decodeOverlay, encodeOverlay, type Overlay } from '../../../image-builder/index.ts';
import type { Log } from '../../ports.ts';
import { writeAtomically } from '../../system/files.ts';

export type BoardSectors = {
  readonly put: (id: DeviceId, overlay: Overlay) => Promise<void>;
  /** Undefined: there are none, or they are damaged, which the log tells of. */
  readonly get: (id: DeviceId) => Promise<Overlay | undefined>;
  /** Never rejects: `sweep` makes up for it. */
  readonly discard: (id: DeviceId) => Promise<void>;
  /** At the start: discards those that a crash left, of all boards that do not need them. Never rejects. */
  readonly sweep: (needs: (id: string) => boolean) => Promise<void>;
};

export function boardSectors(folder: string, log: Log): BoardSectors {
  const fileOf = (id: DeviceId): string => join(folder, `${id}.overlay`);

  async function put(id: DeviceId, overlay: Overlay): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeAtomically(fileOf(id), encodeOverlay(overlay), { mode: 0o600 });
  }

  async function get(id: DeviceId): Promise<Overlay | undefined> {
    const file = await readFile(fileOf(id)).catch(() => undefined);
    const overlay = file && decodeOverlay(file);
    if (overlay?.ok === false) log.error('the sectors of a board are damaged', { id, ...overlay.error });
    return overlay?.ok === true ? overlay.value : undefined;
  }

  async function remove(file: string): Promise<void> {
    await rm(file, { force: true }).catch((error: unknown) => log.warn('the sectors of a board stay', { file, error }));
  }

  async function sweep(needs: (id: string) => boolean): Promise<void> {
    const files = await readdir(folder).catch((): string[] => []);
    for (const file of files) if (!needs(file.replace(/\.overlay$/, ''))) await remove(join(folder, file));
  }

  return { put, get, discard: (id) => remove(fileOf(id)), sweep };
}
