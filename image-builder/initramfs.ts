/** The installer's initramfs: busybox, the scripts in `installer/`, the kernel modules that were asked for; nothing else. */
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type CpioEntry, cpioArchive } from './cpio.ts';
import type { KernelModule } from './modules.ts';

/** Beside this file, and beside the bundle in the package. */
const SCRIPTS = new URL('./installer/', import.meta.url);

/** Where the installer lies in the archive; what it sources lies beside it. */
export const INSTALLER_PATH = 'bin/bramble-installer';

/** Where `init` finds what a join card says. */
const JOIN_CONF_PATH = 'etc/bramble/join.conf';

export type InitramfsParts = {
  /** A static one, for arm64. */
  readonly busybox: Uint8Array;
  /** Not compressed: busybox's insmod takes no others. */
  readonly modules?: readonly KernelModule[];
};

const compress = promisify(gzip);

/** Gzipped cpio; the same parts give the same bytes. Of each kernel the modules come in the order they are loaded in. */
export async function installerInitramfs(parts: InitramfsParts): Promise<Uint8Array> {
  const scripts = (await readdir(SCRIPTS)).sort(byName).map(async (name) => ({
    path: name === 'init' ? 'init' : `bin/${name}`,
    mode: 0o755,
    bytes: await readFile(new URL(name, SCRIPTS)),
  }));
  const entries = [
    { path: 'bin/busybox', mode: 0o755, bytes: parts.busybox },
    ...(await Promise.all(scripts)),
    ...(parts.modules ?? []).map((module, index) => ({ path: modulePath(module, index), mode: 0o644, ...module })),
  ];
  return await compress(cpioArchive([...directoriesOf(entries), ...entries]), { level: 9 });
}

const byName = (a: string, b: string): number => (a < b ? -1 : 1);

/** Numbered, because `init` loads them by name. */
const modulePath = ({ kernel, file }: KernelModule, index: number): string =>
  `lib/modules/${kernel}/${String(index).padStart(3, '0')}-${file}`;

/** Where `init` mounts, where applets are linked, and what the entries lie in. */
function directoriesOf(entries: readonly { readonly path: string }[]): readonly CpioEntry[] {
  const paths = new Set(['dev', 'proc', 'run', 'sbin', 'sys', 'tmp']);
  for (const { path } of entries) {
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) paths.add(path.slice(0, end));
  }
  return [...paths].sort(byName).map((path) => ({ path, directory: true }));
}

/**
 * What is put behind the initramfs on a join card, with the text of its join.conf: the kernel unpacks one archive after the
 * other (Linux Documentation/driver-api/early-userspace/buffer-format.rst). Not every kernel can read the card's FAT.
 */
export async function joinConfArchive(text: string): Promise<Uint8Array> {
  const conf = { path: JOIN_CONF_PATH, mode: 0o600, bytes: Buffer.from(text) };
  return await compress(cpioArchive([...directoriesOf([conf]), conf]), { level: 9 });
}
