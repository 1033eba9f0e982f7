/** The busybox of the installer's initramfs: a static program for the boards' CPU, from Debian's package. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { problem, type Result } from '../config/result.ts';
import type { ImageProblem } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Beside the bundle in the package; beside this file there is none. */
const PACKAGED = new URL('./busybox-arm64', import.meta.url);

/**
 * Read from where BRAMBLE_BUSYBOX says, else from the package, else from the cache that `.ci/arm64-busybox` fills.
 * NO_BUSYBOX says what to do.
 */
export async function readBusybox(environment: Environment = process.env): Promise<Result<Uint8Array, ImageProblem>> {
  const named = environment['BRAMBLE_BUSYBOX'];
  const cache = environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const places = named === undefined ? [PACKAGED, join(cache, 'bramble/busybox-arm64/busybox')] : [named];
  for (const place of places) {
    const bytes = await readFile(place).catch(() => undefined);
    if (bytes === undefined) continue;
    if (isArm64Program(bytes)) return { ok: true, value: bytes };
    return problem('NO_BUSYBOX', `${place instanceof URL ? place.pathname : place} is no program for arm64`);
  }
  return problem(
    'NO_BUSYBOX',
    named === undefined
      ? 'the installer’s busybox is missing: install the bramble package again, or run .ci/arm64-busybox in a checkout'
      : `${named} (BRAMBLE_BUSYBOX) cannot be read: a static busybox for arm64 belongs there`,
  );
}

const AARCH64 = 183;

/** ELF of 64 bits, little-endian, e_machine 183 (ELF for the Arm 64-bit Architecture 4.1). */
const isArm64Program = (bytes: Buffer): boolean =>
  bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes.readUInt16LE(18) === AARCH64;
