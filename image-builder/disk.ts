/** Image files and cards on this machine. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Result } from '../config/result.ts';
import { type BlockDevice, type ByteSource, readExactly, SECTOR } from './device.ts';
import { attempt, ImageError, type ImageProblem } from './errors.ts';

/** Fills `into` as far as the file goes: one read may return less than there is. */
export async function readFrom(handle: FileHandle, into: Uint8Array, offset: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes all of it: one write may take less than it is given. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

/** A file as a source; the caller closes it. Throws what the file system says. */
export async function openFileSource(file: string): Promise<ByteSource> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    return {
      size,
      read: async (into, offset) => await readFrom(handle, into, offset),
      close: async () => await handle.close(),
      file: { fd: handle.fd, from: 0 },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export type Disk = BlockDevice & { readonly source: ByteSource; readonly close: () => Promise<void> };

/**
 * A raw image file as a disk of whole sectors. IMAGE_IO if it cannot be opened, BASE_SIZE if it is no disk image by its
 * size. Written through at once, without fsync.
 */
export async function openDisk(
  file: string,
  options: { readonly writable?: boolean } = {},
): Promise<Result<Disk, ImageProblem>> {
  return await attempt(async () => {
    const handle = await open(file, options.writable === true ? 'r+' : 'r');
    const { size } = await handle.stat();
    if (size === 0 || size % SECTOR !== 0) {
      await handle.close();
      throw new ImageError(
        'BASE_SIZE',
        `${file} has ${size} bytes: a disk image is a whole number of 512-byte sectors`,
      );
    }
    const close = async (): Promise<void> => await handle.close();
    const source: ByteSource = { size, read: async (into, offset) => await readFrom(handle, into, offset), close };
    return {
      size,
      sectorSize: SECTOR,
      source,
      read: async (into, offset) => await readExactly(source, into, offset),
      write: async (bytes, offset) => await writeAll(handle, bytes, offset),
      close,
    };
  });
}
