/** Bases, the boot kit, and each board's own sectors: the meeting of the life of boards with the image builder. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../../../config/result.ts';
import type { DeviceId } from '../../../config/values.ts';
import {
  buildOverlay,
  decodeOverlay,
  encodeOverlay,
  heldBase,
  type Overlay,
  openBootFile,
} from '../../../image-builder/index.ts';
import { recentReads } from '../../boot/recent-reads.ts';
import type { SectorsPayload } from '../../http/endpoints/boot.ts';
import type { SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { ByteSource, Log, Random } from '../../ports.ts';
import { writeAtomically } from '../../system/files.ts';
import { baseShelf } from './base-shelf.ts';
import { type BoardPlanDeps, boardPlanner } from './board-plan.ts';

export type ImageDesk = {
  /** The effect `make-image`: ends with `image-made` or `image-failed`. */
  readonly make: (device: Device, signal: AbortSignal) => Promise<LifecycleEvent>;
  /** The public stream, by the SHA-256 that boards are told. A view: closing it does nothing. */
  readonly openBase: (heldSha256: string) => Promise<ByteSource | undefined>;
  /** What the board's own sectors were made for. */
  readonly baseOf: (device: Device) => Promise<{ readonly sha256: string; readonly bytes: number } | undefined>;
  readonly sectorsOf: (device: Device) => Promise<SectorsPayload | undefined>;
  readonly openKitFile: (path: string) => Promise<ByteSource | undefined>;
  /** Bases there are. */
  readonly count: () => Promise<number>;
  /** Its sectors hold its host key: they go once they are on its disk. Never rejects: `sweep` makes up for it. */
  readonly discard: (id: DeviceId) => Promise<void>;
  /** At the start: discards the sectors that a crash left, of all boards that do not need them. Never rejects. */
  readonly sweep: (needs: (id: string) => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type ImageDeskDeps = BoardPlanDeps & {
  /** Made at the first call, kept for good. */
  readonly hostKeyFor: (device: Device) => Promise<SshKeyPair>;
  readonly random: Random;
  readonly log: Log;
};

export function imageDesk(deps: ImageDeskDeps): ImageDesk {
  const { config, log } = deps;
  const overlaysFolder = join(config.data, 'overlays');
  const bases = baseShelf(join(config.data, 'bases'), log);
  const planner = boardPlanner(bases, deps);
  // About a kernel: a shelf of boards that is switched on reads it once.
  const recent = recentReads({ bytesMax: 16 * 2 ** 20 });

  const overlayFile = (id: DeviceId): string => join(overlaysFolder, `${id}.overlay`);

  async function make(device: Device, signal: AbortSignal): Promise<LifecycleEvent> {
    const found = await planner.baseFor(device);
    if (!found.ok) return failed(found.error);
    const base = found.value;
    const { state } = device;
    if (state.name === 'accepted' && state.report.disk.bytes < base.bytes) {
      const detail = `the image needs ${base.bytes} bytes and its disk has ${state.report.disk.bytes}: put in a larger one`;
      return failed({ code: 'DISK_TOO_SMALL', detail });
    }
    const arming = Buffer.from(deps.random.bytes(16)).toString('hex');
    const plan = await planner.plan(device, base, { arming, sshHostKey: await deps.hostKeyFor(device) });
    if (!plan.ok) return failed(plan.error);
    const overlay = await buildOverlay({ base, plan: plan.value, signal });
    if (!overlay.ok) return failed(overlay.error);
    // Not for a board that was rejected meanwhile: nobody would take them away again.
    signal.throwIfAborted();
    await mkdir(overlaysFolder, { recursive: true, mode: 0o700 });
    await writeAtomically(overlayFile(device.id), encodeOverlay(overlay.value), { mode: 0o600 });
    return { event: 'image-made', arming };
  }

  async function overlayOf({ id }: Device): Promise<Overlay | undefined> {
    const file = await readFile(overlayFile(id)).catch(() => undefined);
    const overlay = file && decodeOverlay(file);
    if (overlay?.ok === false) log.error('the sectors of a board are damaged', { id, ...overlay.error });
    return overlay?.ok === true ? overlay.value : undefined;
  }

  async function baseOf(device: Device): Promise<{ sha256: string; bytes: number } | undefined> {
    const overlay = await overlayOf(device);
    const record = overlay && (await bases.records()).find(({ sha256 }) => sha256 === overlay.baseDigest);
    return record && { sha256: record.heldSha256, bytes: record.bytes };
  }

  async function sectorsOf(device: Device): Promise<SectorsPayload | undefined> {
    const overlay = await overlayOf(device);
    if (overlay === undefined) return undefined;
    let blobSector = 0;
    const runs = overlay.runs.map(({ sector, count }) => {
      const run = { sector, count, blobSector };
      blobSector += count;
      return run;
    });
    return { runs, blob: Buffer.concat(overlay.runs.map(({ bytes }) => bytes)) };
  }

  const discard = (id: DeviceId): Promise<void> => remove(overlayFile(id));

  async function remove(file: string): Promise<void> {
    await rm(file, { force: true }).catch((error: unknown) => log.warn('the sectors of a board stay', { file, error }));
  }

  async function sweep(needs: (id: string) => boolean): Promise<void> {
    const files = await readdir(overlaysFolder).catch((): string[] => []);
    for (const file of files) if (!needs(file.replace(/\.overlay$/, ''))) await remove(join(overlaysFolder, file));
  }

  async function openHeld(heldSha256: string): Promise<ByteSource | undefined> {
    const record = (await bases.records()).find((known) => known.heldSha256 === heldSha256);
    const base = record && (await bases.open(record));
    return base && heldBase(base);
  }

  async function openKitFile(path: string): Promise<ByteSource | undefined> {
    const record = await bases.named(config.images.kit ?? config.images.default);
    const base = record.ok ? await bases.open(record.value) : undefined;
    const file = base && (await openBootFile(base, path));
    if (file?.ok === false) log.debug('a boot file cannot be read', { path, ...file.error });
    if (base === undefined || file?.ok !== true || file.value === undefined) return undefined;
    return recent.of(`${base.id} ${path.toLowerCase()}`, file.value);
  }

  return {
    make,
    openBase: openHeld,
    baseOf,
    sectorsOf,
    openKitFile,
    count: async () => (await bases.records()).length,
    discard,
    sweep,
    close: bases.close,
  };
}

const failed = ({ code, detail }: Problem): LifecycleEvent => ({ event: 'image-failed', code, detail });
