/** Bases, the boot kit, and each board's own sectors: the meeting of the life of boards with the image builder. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { DeviceId, Model } from '../../../config/values.ts';
import {
  type Base,
  buildOverlay,
  decodeOverlay,
  encodeOverlay,
  heldBase,
  kitGaps,
  listBootFiles,
  type Overlay,
  openBootFile,
  overlaySource,
} from '../../../image-builder/index.ts';
import { recentReads } from '../../boot/recent-reads.ts';
import type { SectorsPayload } from '../../http/endpoints/boot.ts';
import type { ImageFilesView } from '../../http/wire.ts';
import type { SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { ByteSource, Log, Random } from '../../ports.ts';
import { writeAtomically } from '../../system/files.ts';
import { baseShelf } from './base-shelf.ts';
import { type BoardPlanDeps, boardPlanner } from './board-plan.ts';
import { imageFilesView, keyToCome, TO_COME } from './image-files.ts';

export type ImageDesk = {
  /** The effect `make-image`: ends with `image-made` or `image-failed`. */
  readonly make: (device: Device, signal: AbortSignal) => Promise<LifecycleEvent>;
  /** The public stream, by the SHA-256 that boards are told. A view: closing it does nothing. */
  readonly openBase: (heldSha256: string) => Promise<ByteSource | undefined>;
  /** What the board's own sectors were made for. */
  readonly baseOf: (device: Device) => Promise<{ readonly sha256: string; readonly bytes: number } | undefined>;
  readonly sectorsOf: (device: Device) => Promise<SectorsPayload | undefined>;
  /** As it gets onto its disk, or as it would now. A view: closing it does nothing. Stores nothing. */
  readonly whole: (device: Device, signal: AbortSignal) => Promise<Result<ByteSource, Problem>>;
  /** Of the base that it would get, or a board of an unknown model. */
  readonly bytesFor: (device: Device | undefined) => Promise<Result<number, Problem>>;
  readonly openKitFile: (path: string) => Promise<ByteSource | undefined>;
  /** The files of its image, those of the next one if none is being installed. Makes and stores nothing. */
  readonly files: (device: Device) => Promise<Result<ImageFilesView, Problem>>;
  /** What the boot kit lacks, by model; a kit that is not there lacks nothing, `count` tells of that. */
  readonly kitGaps: () => Promise<KitGaps>;
  /** The base that boards netboot from; NO_BASE says what to do. */
  readonly findKit: () => Promise<Result<Base, Problem>>;
  /** The same, while there is one. */
  readonly kit: () => Promise<Base | undefined>;
  /** Paths of its boot files; empty without a kit. */
  readonly kitFiles: () => Promise<readonly string[]>;
  /** Bases there are. */
  readonly count: () => Promise<number>;
  /** Its sectors hold its host key: they go once they are on its disk. Never rejects: `sweep` makes up for it. */
  readonly discard: (id: DeviceId) => Promise<void>;
  /** At the start: discards the sectors that a crash left, of all boards that do not need them. Never rejects. */
  readonly sweep: (needs: (id: string) => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type KitGaps = { readonly kit: string; readonly missing: ReadonlyMap<Model, readonly string[]> };

export type ImageDeskDeps = BoardPlanDeps & {
  /** Made at the first call, kept for good. */
  readonly hostKeyFor: (device: Device) => Promise<SshKeyPair>;
  readonly storedHostKey: (device: Device) => SshKeyPair | undefined;
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

  type Built = { readonly base: Base; readonly overlay: Overlay; readonly arming: string };

  async function build(device: Device, signal: AbortSignal): Promise<Result<Built, Problem>> {
    const found = await planner.baseFor(device);
    if (!found.ok) return found;
    const base = found.value;
    const { state } = device;
    if (state.name === 'accepted' && state.report.disk.bytes < base.bytes) {
      const detail = `the image needs ${base.bytes} bytes and its disk has ${state.report.disk.bytes}: put in a larger one`;
      return problem('DISK_TOO_SMALL', detail);
    }
    const arming = Buffer.from(deps.random.bytes(16)).toString('hex');
    const plan = await planner.plan(device, base, { arming, hostKey: () => deps.hostKeyFor(device) });
    if (!plan.ok) return plan;
    const overlay = await buildOverlay({ base, plan: plan.value, signal });
    return overlay.ok ? ok({ base, overlay: overlay.value, arming }) : overlay;
  }

  async function make(device: Device, signal: AbortSignal): Promise<LifecycleEvent> {
    const built = await build(device, signal);
    if (!built.ok) return failed(built.error);
    const { overlay, arming } = built.value;
    // Not for a board that was rejected meanwhile: nobody would take them away again.
    signal.throwIfAborted();
    await mkdir(overlaysFolder, { recursive: true, mode: 0o700 });
    await writeAtomically(overlayFile(device.id), encodeOverlay(overlay), { mode: 0o600 });
    return { event: 'image-made', arming };
  }

  async function files(device: Device): Promise<Result<ImageFilesView, Problem>> {
    const base = await planner.baseFor(device);
    if (!base.ok) return base;
    const key = deps.storedHostKey(device);
    const arming = device.state.name === 'installing' ? device.state.arming : undefined;
    const made = key !== undefined && arming !== undefined;
    const identity = { hostKey: () => key ?? keyToCome(device), arming: arming ?? TO_COME };
    const plan = await planner.plan(device, base.value, identity);
    return plan.ok ? ok(imageFilesView(device, base.value, plan.value, { made })) : plan;
  }

  async function whole(device: Device, signal: AbortSignal): Promise<Result<ByteSource, Problem>> {
    const parts = device.state.name === 'installing' ? await stored(device) : await build(device, signal);
    return parts.ok ? overlaySource(parts.value.base.source, parts.value.overlay) : parts;
  }

  async function stored(device: Device): Promise<Result<Pick<Built, 'base' | 'overlay'>, Problem>> {
    const overlay = await overlayOf(device);
    const record = overlay && (await bases.records()).find(({ sha256 }) => sha256 === overlay.baseDigest);
    const base = record && (await bases.open(record));
    if (overlay === undefined || base === undefined) {
      return problem('NO_BASE', `the image of ${device.name} is not there any more: bramble retry makes it anew`);
    }
    return ok({ base, overlay });
  }

  async function bytesFor(device: Device | undefined): Promise<Result<number, Problem>> {
    const base = device?.state.name === 'installing' ? await baseOf(device) : undefined;
    if (base !== undefined) return ok(base.bytes);
    const found = await planner.baseFor(device);
    return found.ok ? ok(found.value.bytes) : found;
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

  async function findKit(): Promise<Result<Base, Problem>> {
    const record = await bases.named(config.images.kit ?? config.images.default);
    if (!record.ok) return record;
    const base = await bases.open(record.value);
    return base === undefined
      ? problem('BASE_DAMAGED', `the boot kit ${record.value.name} cannot be opened`)
      : ok(base);
  }

  async function kit(): Promise<Base | undefined> {
    const found = await findKit();
    return found.ok ? found.value : undefined;
  }

  async function lookForGaps(base: Base): Promise<KitGaps> {
    const files = await listBootFiles(base);
    if (!files.ok) log.warn('the boot kit cannot be looked through', { kit: base.name, ...files.error });
    const missing = files.ok ? kitGaps(files.value.map(({ path }) => path)) : noGaps.missing;
    if (missing.size > 0)
      log.info('models that the boot kit does not start', { kit: base.name, missing: Object.fromEntries(missing) });
    return { kit: base.name, missing };
  }

  /** A base never changes. */
  const gaps = new WeakMap<Base, Promise<KitGaps>>();
  async function gapsOfKit(): Promise<KitGaps> {
    const base = await kit();
    if (base === undefined) return noGaps;
    const known = gaps.get(base) ?? lookForGaps(base);
    gaps.set(base, known);
    return known;
  }

  async function kitFiles(): Promise<readonly string[]> {
    const base = await kit();
    const files = base && (await listBootFiles(base));
    return files?.ok === true ? files.value.map(({ path }) => path) : [];
  }

  async function openKitFile(path: string): Promise<ByteSource | undefined> {
    const base = await kit();
    const file = base && (await openBootFile(base, path));
    if (file?.ok === false) log.debug('a boot file cannot be read', { path, ...file.error });
    if (base === undefined || file?.ok !== true || file.value === undefined) return undefined;
    return recent.of(`${base.id} ${path.toLowerCase()}`, file.value);
  }

  return {
    make,
    files,
    openBase: openHeld,
    baseOf,
    sectorsOf,
    whole,
    bytesFor,
    findKit,
    openKitFile,
    kitGaps: gapsOfKit,
    kit,
    count: async () => (await bases.records()).length,
    kitFiles,
    discard,
    sweep,
    close: bases.close,
  };
}

const noGaps: KitGaps = { kit: '', missing: new Map() };

const failed = ({ code, detail }: Problem): LifecycleEvent => ({ event: 'image-failed', code, detail });
