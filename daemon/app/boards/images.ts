/** Bases, the boot kit, and each board's own sectors: the meeting of the life of boards with the image builder. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../../config/schema.ts';
import type { DeviceId } from '../../../config/values.ts';
import {
  type Base,
  type BaseRecord,
  buildOverlay,
  decodeOverlay,
  encodeOverlay,
  existingBootFiles,
  heldBase,
  listBases,
  type Overlay,
  openBase,
  openBootFile,
  planBoard,
  type StaticAddress,
} from '../../../image-builder/index.ts';
import { recentReads } from '../../boot/recent-reads.ts';
import type { SectorsPayload } from '../../http/endpoints/boot.ts';
import type { SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { ByteSource, Log, Random } from '../../ports.ts';
import { writeAtomically } from '../../system/files.ts';
import type { Site } from '../network/site.ts';

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

export type ImageDeskDeps = {
  readonly config: Config;
  readonly clusterId: string;
  /** The daemon's public key, authorised on every board. */
  readonly authorizedKey: string;
  /** Made at the first call, kept for good. */
  readonly hostKeyFor: (device: Device) => Promise<SshKeyPair>;
  /** What stands in the network configuration of a board whose address is ours; undefined leaves that to DHCP. */
  readonly site: () => Pick<Site, 'subnet' | 'gateway' | 'dns'> | undefined;
  readonly random: Random;
  readonly log: Log;
};

export function imageDesk(deps: ImageDeskDeps): ImageDesk {
  const { config, log } = deps;
  const basesFolder = join(config.data, 'bases');
  const overlaysFolder = join(config.data, 'overlays');
  const opened = new Map<string, Promise<Base | undefined>>();
  // About a kernel: a shelf of boards that is switched on reads it once.
  const recent = recentReads({ bytesMax: 16 * 2 ** 20 });

  const overlayFile = (id: DeviceId): string => join(overlaysFolder, `${id}.overlay`);

  /** What was said already: every file of every boot asks for the bases. */
  const complaints = new Set<string>();

  async function records(): Promise<readonly BaseRecord[]> {
    const { bases, damaged } = await listBases(basesFolder);
    for (const problem of damaged) {
      if (complaints.has(problem.detail)) continue;
      complaints.add(problem.detail);
      log.warn('a base image cannot be used', { ...problem });
    }
    return bases;
  }

  /** Kept open: boards come in dozens, and a base never changes. */
  function open({ id }: BaseRecord): Promise<Base | undefined> {
    const known = opened.get(id);
    if (known !== undefined) return known;
    const opening = openBase(join(basesFolder, id)).then((base) => {
      if (base.ok) return base.value;
      log.warn('a base image cannot be opened', { id, ...base.error });
      opened.delete(id);
      return undefined;
    });
    opened.set(id, opening);
    return opening;
  }

  async function byName(name: string | undefined): Promise<BaseRecord | string> {
    const bases = await records();
    if (bases.length === 0) return 'no base image is imported';
    if (name !== undefined) {
      const found = bases.find((base) => base.name === name || base.id === name);
      return found ?? `there is no base image ${name}; there is ${bases.map((base) => base.name).join(', ')}`;
    }
    const [only, ...others] = bases;
    if (only !== undefined && others.length === 0) return only;
    return `several base images are imported: name one as images.default (${bases.map((base) => base.name).join(', ')})`;
  }

  async function make(device: Device, signal: AbortSignal): Promise<LifecycleEvent> {
    const model = device.model?.model;
    const named = (model && config.images.models[model]) ?? config.images.default;
    const record = await byName(named);
    if (typeof record === 'string') return { event: 'image-failed', code: 'NO_BASE', detail: record };
    const base = await open(record);
    if (base === undefined) return failed('BASE_DAMAGED', `the base image ${record.name} cannot be opened`);
    const { state } = device;
    if (state.name === 'accepted' && state.report.disk.bytes < base.bytes) {
      const detail = `the image needs ${base.bytes} bytes and its disk has ${state.report.disk.bytes}: put in a larger one`;
      return failed('DISK_TOO_SMALL', detail);
    }
    const arming = Buffer.from(deps.random.bytes(16)).toString('hex');
    const existing = await existingBootFiles(base);
    if (!existing.ok) return failed(existing.error.code, existing.error.detail);
    const plan = planBoard(
      {
        hostname: device.name,
        address: staticAddress(device, deps.site()),
        sshHostKey: await deps.hostKeyFor(device),
        authorizedKey: deps.authorizedKey,
        timezone: config.images.timezone,
        format: base.format,
        mark: { deviceId: device.id, clusterId: deps.clusterId, arming },
      },
      existing.value,
    );
    if (!plan.ok) return failed(plan.error.code, plan.error.detail);
    const overlay = await buildOverlay({ base, plan: plan.value, signal });
    if (!overlay.ok) return failed(overlay.error.code, overlay.error.detail);
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
    const record = overlay && (await records()).find(({ sha256 }) => sha256 === overlay.baseDigest);
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
    const record = (await records()).find((known) => known.heldSha256 === heldSha256);
    const base = record && (await open(record));
    return base && heldBase(base);
  }

  async function openKitFile(path: string): Promise<ByteSource | undefined> {
    const record = await byName(config.images.kit ?? config.images.default);
    const base = typeof record === 'string' ? undefined : await open(record);
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
    count: async () => (await records()).length,
    discard,
    sweep,
    close: async () => {
      for (const base of opened.values()) await (await base)?.close();
    },
  };
}

const failed = (code: string, detail: string): LifecycleEvent => ({ event: 'image-failed', code, detail });

/** Undefined leaves it to DHCP: where the router gives the addresses, and where the network is not known. */
export const staticAddress = (device: Device, site: ReturnType<ImageDeskDeps['site']>): StaticAddress | undefined =>
  site === undefined || device.addressing !== 'reserved'
    ? undefined
    : {
        ip: device.address,
        prefix: site.subnet.prefix,
        ...(site.gateway !== undefined && { gateway: site.gateway }),
        dns: site.dns,
      };
