/** The join card: one small card image, the same for every board, that starts the installer from the card. */
import { createHash } from 'node:crypto';
import type { Result } from '../config/result.ts';
import type { Base } from './base.ts';
import { listBootFiles, readBootFile } from './boot-files.ts';
import { type ByteSource, changedSectors, layeredSource, SECTOR, zeroSource } from './device.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import { formatFat } from './fat/format.ts';
import { openVolume } from './fat/volume.ts';
import { writeFile } from './fat/write.ts';
import { renderMbr } from './partitions.ts';

export type JoinConfig = {
  /** Where the installer asks: `http://192.168.1.10:8067`. */
  readonly server: string;
  /** 64 hex digits; whoever holds the card can join boards. */
  readonly clusterKey: string;
  readonly cluster: string;
};

export type JoinCardOptions = {
  /** Where firmware, device trees and kernel come from. */
  readonly base: Base;
  /** Which of the base's boot files go onto the card. */
  readonly keep: (path: string) => boolean;
  /** Beside them or instead of them: the installer, config.txt, cmdline.txt. */
  readonly extra: readonly CardFile[];
  readonly config: JoinConfig;
  /** Of the card image; as small as it can be unless given. FAT_FULL if that is too small. */
  readonly bytes?: number;
  readonly signal: AbortSignal;
};
export type CardFile = { readonly path: string; readonly bytes: Uint8Array };

export const JOIN_CONF_PATH = 'bramble/join.conf';
/** Where partitioning tools begin. */
const PARTITION_START = 1024 * 1024;
const MEBIBYTE = 1024 * 1024;

/** The whole card, in memory (kernels included: some tens of megabytes). Codes: PLAN_BAD_VALUE, FAT_…, IMAGE_IO. */
export async function joinCard(options: JoinCardOptions): Promise<Result<ByteSource, ImageProblem>> {
  return await attempt(async () => {
    const conf: CardFile = { path: JOIN_CONF_PATH, bytes: Buffer.from(renderJoinConf(options.config)) };
    const extra = [...options.extra, conf];
    const replaced = new Set(extra.map(({ path }) => path.toLowerCase()));
    const kept = orThrow(await listBootFiles(options.base)).filter(
      ({ path }) => options.keep(path) && !replaced.has(path.toLowerCase()),
    );
    const sizes = [...kept.map(({ size }) => size), ...extra.map(({ bytes }) => bytes.length)];
    const size = options.bytes ?? PARTITION_START + roomFor(sizes);
    const card = changedSectors(zeroSource(size));
    const place = { offset: PARTITION_START, bytes: wholeSectors(size - PARTITION_START) };
    // The same card for the same cluster, whenever it is made; the key stays out of what `blkid` shows.
    const id = createHash('sha256').update(`join card ${options.config.cluster}`).digest().readUInt32LE(0);
    await formatFat(card.device, { ...place, label: 'BRAMBLE', volumeId: id });
    const volume = orThrow(await openVolume(card.device, place));
    for (const { path } of kept) {
      options.signal.throwIfAborted();
      orThrow(await writeFile(volume, path, orThrow(await readBootFile(options.base, path)) ?? new Uint8Array(0)));
    }
    for (const { path, bytes } of extra) orThrow(await writeFile(volume, path, bytes));
    const type = volume.geometry.type === 16 ? '0e' : '0c';
    await card.device.write(renderMbr({ number: 1, ...place, type }, id), 0);
    return layeredSource(zeroSource(size), card.sectors);
  });
}

const wholeSectors = (bytes: number): number => bytes - (bytes % SECTOR);

/** Contents in clusters of up to 1 KiB, tables and directories with room to spare. */
function roomFor(sizes: readonly number[]): number {
  const contents = sizes.reduce((sum, size) => sum + Math.ceil(size / 1024) * 1024, 0);
  return Math.ceil((contents * 1.03) / MEBIBYTE + 4) * MEBIBYTE;
}

/** `key=value` lines, as the installer's shell reads them. */
export function renderJoinConf({ server, clusterKey, cluster }: JoinConfig): string {
  const flaw = !/^http:\/\/[0-9a-z.-]+(:\d{1,5})?$/.test(server)
    ? `${server} is no address such as http://192.168.1.10:8067`
    : !/^[0-9a-f]{64}$/.test(clusterKey)
      ? 'the cluster key is not 64 hex digits'
      : !/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(cluster)
        ? `${cluster} is no cluster id`
        : undefined;
  if (flaw !== undefined) throw new ImageError('PLAN_BAD_VALUE', flaw);
  return `server=${server}\ncluster-key=${clusterKey}\ncluster=${cluster}\n`;
}
