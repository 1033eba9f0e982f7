/**
 * Writes a cpio archive in the form that the kernel unpacks as an initramfs: "newc", magic 070701 (Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst). Pure.
 */
export type CpioEntry =
  | { readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly path: string; readonly directory: true };

const REGULAR = 0o100000;
const DIRECTORY = 0o040755;

/** Directories have to come before what is in them. The same entries give the same bytes. */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const parts = entries.map((entry, index) =>
    'directory' in entry
      ? member(index + 1, entry.path, DIRECTORY, new Uint8Array(0))
      : member(index + 1, entry.path, REGULAR | entry.mode, entry.bytes),
  );
  return Buffer.concat([...parts, member(0, 'TRAILER!!!', 0, new Uint8Array(0))]);
}

function member(inode: number, path: string, mode: number, bytes: Uint8Array): Uint8Array {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device (major, minor), its own device (major, minor), name size, checksum
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(Buffer.from(bytes))]);
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
