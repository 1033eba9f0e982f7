/** The files on a base's boot partition, read straight out of the image. */
import type { Result } from '../config/result.ts';
import type { Model } from '../config/values.ts';
import type { Base, FilePlace } from './base.ts';
import { bootSettings, cmdlinePath } from './config-txt.ts';
import type { ByteSource } from './device.ts';
import { attempt, type ImageProblem, orThrow } from './errors.ts';
import { type FileInfo, fileSource, listFiles, lookUp, readFile, runsOfFile } from './fat/volume.ts';
import type { ExistingBootFiles } from './wish.ts';

/** Names come from the network: no more places than this are remembered. More than a boot partition has files. */
const MOST_PLACES = 1000;

/**
 * A boot file, whatever the case of `path`; `undefined` when there is none. A view of the opened base: it is valid as long
 * as that, and closing it does nothing. Codes: FAT_… for a damaged image, FAT_BAD_NAME for `..`, FAT_NOT_A_FILE.
 */
export async function openBootFile(base: Base, path: string): Promise<Result<ByteSource | undefined, ImageProblem>> {
  return await attempt(async () => {
    const key = path.toLowerCase();
    const place = base.places.has(key) ? base.places.get(key) : await findPlace(base, path);
    remember(base.places, key, place);
    return place === undefined ? undefined : fileSource(base.boot.device, place.size, place.runs);
  });
}

/** Names of files that are not there can be made up without end: the one that was asked for longest ago makes room. */
function remember(places: Map<string, FilePlace | undefined>, key: string, place: FilePlace | undefined): void {
  if (place === undefined) places.delete(key);
  if (!places.has(key) && places.size >= MOST_PLACES) {
    const oldest = [...places].find(([, known]) => known === undefined);
    if (oldest === undefined) return;
    places.delete(oldest[0]);
  }
  places.set(key, place);
}

async function findPlace(base: Base, path: string): Promise<FilePlace | undefined> {
  const entry = await lookUp(base.boot, path);
  return entry === undefined ? undefined : { size: entry.size, runs: await runsOfFile(base.boot, entry) };
}

/** The whole file. FAT_FILE_TOO_LARGE above `most` bytes. */
export async function readBootFile(
  base: Base,
  path: string,
  most?: number,
): Promise<Result<Uint8Array | undefined, ImageProblem>> {
  return await readFile(base.boot, path, most);
}

/** Every file with its size, as `overlays/vc4-kms-v3d.dtbo`. */
export async function listBootFiles(base: Base): Promise<Result<readonly FileInfo[], ImageProblem>> {
  return await listFiles(base.boot);
}

const MOST_TEXT = 64 * 1024;

/** What `planBoard` needs to know of the base; for a board of this model, since config.txt may differ between models. */
export async function existingBootFiles(base: Base, model?: Model): Promise<Result<ExistingBootFiles, ImageProblem>> {
  const text = async (path: string): Promise<string | undefined> => {
    const bytes = orThrow(await readFile(base.boot, path, MOST_TEXT));
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  return await attempt(async () => {
    const configTxt = await text('config.txt');
    const named = cmdlinePath(bootSettings(configTxt ?? '', model));
    const there = named === 'cmdline.txt' ? undefined : await text(named);
    const cmdline = there ?? (await text('cmdline.txt'));
    const deviceInit = await text('device-init.yaml');
    return {
      ...(cmdline !== undefined && { cmdline }),
      ...(there !== undefined && { cmdlinePath: named }),
      ...(configTxt !== undefined && { configTxt }),
      ...(deviceInit !== undefined && { deviceInit }),
    };
  });
}
