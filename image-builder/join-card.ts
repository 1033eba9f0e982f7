/** The join card: one small card image, the same for every board, that starts the installer from the card. */
import { createHash } from 'node:crypto';
import type { Result } from '../config/result.ts';
import { type Model, models } from '../config/values.ts';
import type { Base } from './base.ts';
import { listBootFiles, readBootFile } from './boot-files.ts';
import { isOnCard, missingFor, modelsOf } from './boot-kit.ts';
import { type CardFile, cardFile, cardImage } from './card-image.ts';
import type { ByteSource } from './device.ts';
import { type EepromChip, eepromSignature } from './eeprom.ts';
import { attempt, ImageError, type ImageProblem, orThrow } from './errors.ts';
import { joinConfArchive } from './initramfs.ts';

export type JoinConfig = {
  /** Where the installer asks: `http://192.168.1.10:8067`. */
  readonly server: string;
  /** 64 hex digits; whoever holds the card can join boards. */
  readonly clusterKey: string;
  readonly cluster: string;
};

export type JoinCardOptions = {
  /** Where firmware, device trees and kernels come from. */
  readonly kit: Base;
  /** As `installerInitramfs` makes it. */
  readonly initramfs: Uint8Array;
  readonly config: JoinConfig;
  /** `netboot.enable`: boards that the card is put into ask the network from then on. */
  readonly enableNetboot: boolean;
  /** For the boards of one chip; only with `enableNetboot`. */
  readonly eeprom?: CardEeprom;
  readonly signal: AbortSignal;
};

export type CardEeprom = {
  readonly chip: EepromChip;
  /** What the mask ROM starts instead of the EEPROM's bootloader. */
  readonly recovery: Uint8Array;
  readonly image: Uint8Array;
  /** Seconds since 1970. */
  readonly at: number;
};

export type JoinCard = {
  readonly source: ByteSource;
  /** The boards that it starts. */
  readonly models: readonly Model[];
};

export const JOIN_CONF_PATH = 'bramble/join.conf';
const INITRAMFS = 'bramble-installer.cpio.gz';

/** The same card for the same cluster and kit. Codes: PLAN_BAD_VALUE, KIT_INCOMPLETE, FAT_…, IMAGE_IO. */
export async function joinCard(options: JoinCardOptions): Promise<Result<JoinCard, ImageProblem>> {
  const { kit, config, enableNetboot, eeprom, signal } = options;
  return await attempt(async () => {
    const conf = renderJoinConf(config);
    const listed = orThrow(await listBootFiles(kit));
    const paths = listed.map(({ path }) => path);
    const startable = modelsOf(paths);
    if (startable.length === 0) throw incomplete(kit, paths);
    const fromKit = listed
      .filter(({ path }) => isOnCard(path))
      .map(
        ({ path, size }): CardFile => ({
          path,
          size,
          read: async () => orThrow(await readBootFile(kit, path)) ?? new Uint8Array(0),
        }),
      );
    const files = [
      ...fromKit,
      // Its second copy: not every kernel can read the card's FAT, which is for people and tells our card from others.
      cardFile(INITRAMFS, Buffer.concat([options.initramfs, await joinConfArchive(conf)])),
      cardFile('config.txt', Buffer.from(renderCardConfig(paths, enableNetboot))),
      cardFile('cmdline.txt', Buffer.from('console=serial0,115200 console=tty1 panic=10 rdinit=/init\n')),
      cardFile(JOIN_CONF_PATH, Buffer.from(conf)),
      ...(enableNetboot && eeprom !== undefined ? eepromFiles(eeprom) : []),
    ];
    // The same card whenever it is made; the key stays out of what `blkid` shows.
    const id = createHash('sha256').update(`join card ${config.cluster}`).digest().readUInt32LE(0);
    const source = orThrow(await cardImage({ files, label: 'BRAMBLE', id, signal }));
    return { source, models: startable };
  });
}

function incomplete(kit: Base, paths: readonly string[]): ImageError {
  const [closest] = models
    .map((model) => ({ model, missing: missingFor(model, paths) }))
    .toSorted((a, b) => a.missing.length - b.missing.length);
  const lack = closest === undefined ? '' : `; for a ${closest.model} it lacks ${closest.missing.join(', ')}`;
  const advice = 'import a 64-bit Raspberry Pi OS and name it as images.kit';
  return new ImageError(
    'KIT_INCOMPLETE',
    `the base image ${kit.name} starts our installer on no board${lack}: ${advice}`,
  );
}

/**
 * Read by the firmware of every model, each by its own filter: `[pi3]` is 3B, 3B+, 3A+ and CM3, `[pi5]` is 5, 500 and CM5.
 * Quirk: one that is not ASCII or has 4096 bytes is silently ignored (facts 2.5).
 */
export function renderCardConfig(paths: readonly string[], enableNetboot: boolean): string {
  const there = new Set(paths.map((path) => path.toLowerCase()));
  const otp = [
    '[pi3]',
    '# netboot.enable: true in bramble.yaml. THIS CANNOT BE TAKEN BACK: it burns a bit into',
    '# the board, which from then on starts from USB and from the network, too, whenever',
    '# there is no SD card in it.',
    'program_usb_boot_mode=1',
  ];
  const lines = [
    '# made by bramble: starts the installer on every board',
    '[all]',
    'arm_64bit=1',
    'enable_uart=1',
    ...(there.has('kernel8.img') ? ['kernel=kernel8.img'] : []),
    `initramfs ${INITRAMFS} followkernel`,
    ...(enableNetboot ? otp : []),
    ...(there.has('kernel_2712.img') ? ['[pi5]', 'kernel=kernel_2712.img'] : []),
    '[all]',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * The mask ROM starts recovery.bin, which writes the image, renames itself to recovery.000 and restarts the board: then the
 * card boots on. With the image called pieeprom.bin it would stop there, blinking (Raspberry Pi documentation, boot EEPROM).
 */
const eepromFiles = ({ recovery, image, at }: CardEeprom): readonly CardFile[] => [
  cardFile('recovery.bin', recovery),
  cardFile('pieeprom.upd', image),
  cardFile('pieeprom.sig', Buffer.from(eepromSignature(image, at))),
];

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
