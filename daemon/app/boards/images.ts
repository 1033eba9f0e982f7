/** Bases, the boot kit, and each board's own sectors: the meeting of the life of boards with the image builder. */
import { join } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { DeviceId } from '../../../config/values.ts';
import {
  type Base,
  type BaseRecord,
  type BoardPlan,
  buildOverlay,
  encodeOverlay,
  heldBase,
  type Overlay,
  overlaySource,
} from '../../../image-builder/index.ts';
import type { SectorsPayload } from '../../http/endpoints/boot.ts';
import type { ImageFilesView } from '../../http/wire.ts';
import type { SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { ByteSource, Log, Random } from '../../ports.ts';
import { baseShelf, closing } from './base-shelf.ts';
import { type BoardPlanDeps, boardPlanner } from './board-plan.ts';
import { type BoardSectors, boardSectors } from './board-sectors.ts';
import { imageFilesView, keyToCome, TO_COME } from './image-files.ts';
import { installationBases } from './installation-bases.ts';
import { type NetbootKit, netbootKit } from './netboot-kit.ts';

export type ImageDesk = NetbootKit &
  Pick<BoardSectors, 'discard' | 'sweep'> & {
    /** The effect `make-image`: ends with `image-made` or `image-failed`. */
    readonly make: (device: Device, signal: AbortSignal) => Promise<LifecycleEvent>;
    /** The public stream, by the SHA-256 that boards are told. Whoever reads it closes it. */
    readonly openBase: (heldSha256: string) => Promise<ByteSource | undefined>;
    /** What the board's own sectors were made for. */
    readonly baseOf: (device: Device) => Promise<{ readonly sha256: string; readonly bytes: number } | undefined>;
    readonly sectorsOf: (device: Device) => Promise<SectorsPayload | undefined>;
    /** As it gets onto its disk, or as it would now. Whoever reads it closes it. Stores no image; the host key, if there was none. */
    readonly whole: (device: Device, signal: AbortSignal) => Promise<Result<ByteSource, Problem>>;
    /** Of the base that it gets. */
    readonly bytesFor: (device: Device) => Promise<Result<number, Problem>>;
    /** The files of its image, those of the next one if none is being installed. Makes and stores nothing. */
    readonly files: (device: Device) => Promise<Result<ImageFilesView, Problem>>;
    /** Bases there are. */
    readonly records: () => Promise<readonly BaseRecord[]>;
    readonly close: () => Promise<void>;
  };

export type ImageDeskDeps = BoardPlanDeps & {
  /** Made at the first call, kept for good. */
  readonly hostKeyFor: (device: Device) => Promise<SshKeyPair>;
  readonly storedHostKey: (device: Device) => SshKeyPair | undefined;
  readonly random: Random;
  readonly log: Log;
};

export function imageDesk(deps: ImageDeskDeps): ImageDesk {
  const { config, log } = deps;
  const bases = baseShelf(join(config.data, 'bases'), log);
  const sectors = boardSectors(join(config.data, 'overlays'), log);
  const planner = boardPlanner(bases, deps);
  const installing = installationBases(bases);

  type Built = { readonly base: Base; readonly overlay: Overlay; readonly arming: string };

  /** Whoever gets it closes the base. */
  async function build(device: Device, signal: AbortSignal): Promise<Result<Built, Problem>> {
    const found = await planner.baseFor(device);
    if (!found.ok) return found;
    const base = found.value;
    const built = await buildOn(base, device, signal).catch(async (error: unknown) => {
      await base.close();
      throw error;
    });
    if (!built.ok) await base.close();
    return built;
  }

  async function buildOn(base: Base, device: Device, signal: AbortSignal): Promise<Result<Built, Problem>> {
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
    const { base, overlay, arming } = built.value;
    try {
      // Not for a board that was rejected meanwhile: nobody would take them away again.
      signal.throwIfAborted();
      await sectors.put(device.id, overlay);
      await installing.of(device.id, base.sha256);
    } finally {
      await base.close();
    }
    return { event: 'image-made', arming };
  }

  async function files(device: Device): Promise<Result<ImageFilesView, Problem>> {
    const base = await planner.baseFor(device);
    return base.ok ? await closing(base.value, async (opened) => await filesOn(opened, device)) : base;
  }

  async function filesOn(base: Base, device: Device): Promise<Result<ImageFilesView, Problem>> {
    const key = deps.storedHostKey(device);
    const arming = device.state.name === 'installing' ? device.state.arming : undefined;
    const identity = { hostKey: () => key ?? keyToCome(device), arming: arming ?? TO_COME };
    const plan = await planner.plan(device, base, identity);
    if (!plan.ok) return plan;
    const made = arming !== undefined && (await isMade(device, base, plan.value));
    return ok(imageFilesView(device, base, plan.value, { made }));
  }

  /** Not if the owner has changed his additions since. The same plan over the same base gives the same bytes. */
  async function isMade(device: Device, base: Base, plan: BoardPlan): Promise<boolean> {
    // Some milliseconds, which nobody breaks off.
    const { signal } = new AbortController();
    const [there, again] = [await sectors.get(device.id), await buildOverlay({ base, plan, signal })];
    return there !== undefined && again.ok && Buffer.compare(encodeOverlay(there), encodeOverlay(again.value)) === 0;
  }

  async function whole(device: Device, signal: AbortSignal): Promise<Result<ByteSource, Problem>> {
    const parts = device.state.name === 'installing' ? await stored(device) : await build(device, signal);
    if (!parts.ok) return parts;
    const { base, overlay } = parts.value;
    const source = overlaySource(base.source, overlay);
    if (!source.ok) await base.close();
    return source.ok ? ok({ ...source.value, close: base.close }) : source;
  }

  async function stored(device: Device): Promise<Result<Pick<Built, 'base' | 'overlay'>, Problem>> {
    const overlay = await sectors.get(device.id);
    const base = overlay && (await bases.find(({ sha256 }) => sha256 === overlay.baseDigest));
    if (overlay === undefined || base === undefined) {
      const detail = `the image of ${device.name} is not there any more: a new one is made once its installer asks for it`;
      return problem('IMAGE_GONE', detail);
    }
    return ok({ base, overlay });
  }

  async function bytesFor(device: Device): Promise<Result<number, Problem>> {
    const base = device.state.name === 'installing' ? await baseOf(device) : undefined;
    if (base !== undefined) return ok(base.bytes);
    const found = await planner.baseFor(device);
    if (!found.ok) return found;
    await found.value.close();
    return ok(found.value.bytes);
  }

  async function baseOf(device: Device): Promise<{ sha256: string; bytes: number } | undefined> {
    const overlay = await sectors.get(device.id);
    const base = overlay && (await installing.of(device.id, overlay.baseDigest));
    return base && { sha256: base.heldSha256, bytes: base.bytes };
  }

  async function sectorsOf(device: Device): Promise<SectorsPayload | undefined> {
    const overlay = await sectors.get(device.id);
    if (overlay === undefined) return undefined;
    let blobSector = 0;
    const runs = overlay.runs.map(({ sector, count }) => {
      const run = { sector, count, blobSector };
      blobSector += count;
      return run;
    });
    return { runs, blob: Buffer.concat(overlay.runs.map(({ bytes }) => bytes)) };
  }

  /** In this order: whoever asks from then on finds no sectors, and opens nothing. */
  async function discard(id: DeviceId): Promise<void> {
    await sectors.discard(id);
    await installing.release(id);
  }

  async function openHeld(heldSha256: string): Promise<ByteSource | undefined> {
    const base = await bases.find((known) => known.heldSha256 === heldSha256);
    return base && { ...heldBase(base), close: base.close };
  }

  return {
    ...netbootKit(bases, deps),
    make,
    files,
    openBase: openHeld,
    baseOf,
    sectorsOf,
    whole,
    bytesFor,
    records: bases.records,
    discard,
    sweep: sectors.sweep,
    close: bases.close,
  };
}

const failed = ({ code, detail }: Problem): LifecycleEvent => ({ event: 'image-failed', code, detail });
