/**
 * The installer's initramfs: the installer and what starts it. Not here yet: busybox and the kernel modules of a board,
 * which have to come from the boot kit's own packages; on hardware this archive alone does not start.
 */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { cpioArchive } from './cpio.ts';

/** Beside this file, and beside the bundle in the package. */
const INSTALLER = new URL('./installer/bramble-installer', import.meta.url);

/** Where the installer lies in the archive. */
export const INSTALLER_PATH = 'bin/bramble-installer';

let made: Promise<Uint8Array> | undefined;

/** Gzipped cpio; the same bytes for every board, made once a process. */
export function installerInitramfs(): Promise<Uint8Array> {
  made ??= readFile(INSTALLER).then((installer) =>
    promisify(gzip)(
      cpioArchive([
        { path: 'bin', directory: true },
        { path: INSTALLER_PATH, mode: 0o755, bytes: installer },
      ]),
      { level: 9 },
    ),
  );
  return made;
}
