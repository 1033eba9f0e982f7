/** The one disk image in a zip archive. */
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { ImageError } from './errors.ts';

/** Where the image lies in the archive, and how. */
export type ZippedImage = {
  /** Without folders. */
  readonly name: string;
  /** Of the packed bytes in the archive. */
  readonly offset: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  readonly deflated: boolean;
};

const MOST_ENTRIES = 10_000;
const isImage = ({ fileName }: Entry): boolean => /\.(img|raw)$/i.test(fileName) && !fileName.startsWith('__MACOSX/');
const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** BASE_TRUNCATED, BASE_CORRUPT; BASE_ARCHIVE if it is not one image that can be unpacked here. */
export async function findInZip(file: string): Promise<ZippedImage> {
  const zip = await orDamaged(file, () => openPromise(file, { autoClose: false, lazyEntries: true }));
  try {
    const { image, others } = await orDamaged(file, () => readEntries(file, zip));
    if (image === undefined) throw new ImageError('BASE_ARCHIVE', withoutImage(file, others));
    refuse(file, image);
    const { fileDataStart } = await orDamaged(file, () => zip.readLocalFileHeaderPromise(image, { minimal: true }));
    return {
      name: lastPart(image.fileName),
      offset: fileDataStart,
      packedBytes: image.compressedSize,
      bytes: image.uncompressedSize,
      crc32: image.crc32,
      deflated: image.compressionMethod === 8,
    };
  } finally {
    zip.close();
  }
}

async function readEntries(file: string, zip: ZipFile): Promise<{ image: Entry | undefined; others: string[] }> {
  const images: Entry[] = [];
  const others: string[] = [];
  let count = 0;
  for await (const entry of zip.eachEntry()) {
    count += 1;
    if (count > MOST_ENTRIES) throw new ImageError('BASE_ARCHIVE', `${file} holds more than ${MOST_ENTRIES} files`);
    if (isImage(entry)) images.push(entry);
    else if (others.length < 5) others.push(entry.fileName);
  }
  const [image, ...more] = images;
  if (more.length > 0) {
    const names = images.slice(0, 5).map(({ fileName }) => fileName);
    throw new ImageError('BASE_ARCHIVE', `${file} holds several images (${names.join(', ')}): unpack it and add one`);
  }
  return { image, others };
}

function withoutImage(file: string, others: readonly string[]): string {
  const packed = others.find((name) => /\.(zip|xz|gz|zst|7z|bz2)$/i.test(name));
  if (packed !== undefined) return `${file} holds ${packed}, packed once more: unpack the zip, then add that file`;
  const held = others.length === 0 ? 'nothing' : others.join(', ');
  return `${file} holds no .img but ${held}: bramble needs the image of a Raspberry Pi’s card`;
}

function refuse(file: string, image: Entry): void {
  const by = (how: string): ImageError =>
    new ImageError('BASE_ARCHIVE', `${image.fileName} in ${file} ${how}: unpack it by hand, then add the .img`);
  if (image.isEncrypted()) throw by('is encrypted');
  if (image.compressionMethod !== 0 && image.compressionMethod !== 8) {
    throw by(`is packed by method ${image.compressionMethod}, which is neither stored nor deflated`);
  }
}

/** yauzl’s errors are sentences without codes. */
async function orDamaged<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ImageError || 'syscall' in error) throw error;
    const short = /end of central directory|truncated|unexpected EOF/i.test(error.message);
    const detail = `${file} ${short ? 'is no whole zip archive, it seems to be cut short' : 'is damaged'}`;
    throw new ImageError(short ? 'BASE_TRUNCATED' : 'BASE_CORRUPT', `${detail} (${error.message}): fetch it again`);
  }
}
