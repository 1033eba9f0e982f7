/** What makes this master itself: its SSH key, the cluster key of its join cards, its id. Made once, kept for good. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSshKeyPair, type SshKeyPair } from '../join/keys.ts';
import type { Random } from '../ports.ts';
import { writeAtomically } from '../system/files.ts';

export type Identity = {
  /** Tells our disks and join cards from those of another bramble on the same bench: 16 hex digits. */
  readonly clusterId: string;
  /** Known to our join cards; 32 bytes, a secret. */
  readonly clusterKey: Uint8Array;
  /** The daemon's own key, authorised on every board. */
  readonly ssh: SshKeyPair;
};

/**
 * Reads `keys/` below the data directory, or makes what is missing. Files 0600, folder 0700. A file that is there but
 * damaged is an error, and so is one that is missing where boards are known: a new key would lock the daemon out of them.
 */
export async function loadIdentity(
  data: string,
  random: Random,
  { isNew }: { readonly isNew: boolean },
): Promise<Identity> {
  const folder = join(data, 'keys');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const clusterId = await readOrMake(join(folder, 'cluster-id'), /^[0-9a-f]{16}$/, isNew, () => hex(random.bytes(8)));
  const clusterKey = await readOrMake(join(folder, 'cluster-key'), /^[0-9a-f]{64}$/, isNew, () =>
    hex(random.bytes(32)),
  );
  // One file for both halves: a power cut between two files would leave a pair that does not match.
  const pair = await readOrMake(join(folder, 'ssh.json'), /^\{.*\}$/s, isNew, () =>
    JSON.stringify(generateSshKeyPair('bramble')),
  );
  return { clusterId, clusterKey: Buffer.from(clusterKey, 'hex'), ssh: parsePair(pair, join(folder, 'ssh.json')) };
}

async function readOrMake(path: string, form: RegExp, mayMake: boolean, make: () => string): Promise<string> {
  const there = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there === undefined) {
    if (!mayMake)
      throw new Error(`${path} is missing, but boards are known: restore the keys from a backup, with the database`);
    const made = make();
    await writeAtomically(path, `${made}\n`, { mode: 0o600 });
    return made;
  }
  const text = there.trim();
  if (!form.test(text))
    throw new Error(`${path} is damaged: restore it from a backup, or delete it and re-image every board`);
  return text;
}

function parsePair(text: string, path: string): SshKeyPair {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && 'privateOpenssh' in value && 'publicLine' in value) {
    const { privateOpenssh, publicLine } = value;
    if (typeof privateOpenssh === 'string' && typeof publicLine === 'string') return { privateOpenssh, publicLine };
  }
  throw new Error(`${path} is damaged: restore it from a backup, or delete it and re-image every board`);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
