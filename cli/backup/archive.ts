/** A backup as one file: a tar.gz with a list of what is in it, and the sum of each. */
import { randomBytes } from 'node:crypto';
import { chmod, cp, lstat, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { readSum, syncFolder } from '../cluster/io.ts';
import { runProgram } from '../cluster/system.ts';
import { copyDatabase, databaseDamage } from './database.ts';
import type { Part } from './parts.ts';

export type Manifest = {
  readonly format: 1;
  readonly version: string;
  readonly hostname: string;
  /** ISO 8601, as that machine's clock had it. */
  readonly at: string;
  /** That the boards may know the machine by. */
  readonly addresses: readonly string[];
  /** SHA-256 in hex, by the name in the archive. */
  readonly files: Readonly<Record<string, string>>;
};

const listFile = 'manifest.json';

/** Writes `file` (0600), whole or not at all. Settles with the names of the parts that are in it: others are not on this machine. */
export async function writeArchive(
  file: string,
  parts: readonly Part[],
  about: Omit<Manifest, 'format' | 'files'>,
  signal: AbortSignal,
): Promise<Result<readonly string[], Problem>> {
  const work = await mkdtemp(join(dirname(file), '.bramble-backup-'));
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const taken: string[] = [];
    for (const part of parts) if (await take(part, join(work, part.name))) taken.push(part.name);
    for (const { kind, name } of parts) {
      const damage = kind === 'database' && taken.includes(name) ? await databaseDamage(join(work, name)) : undefined;
      if (damage !== undefined) return problem('DAMAGED', `${name}: ${damage}`);
    }
    const manifest: Manifest = { format: 1, ...about, files: await sums(work, signal) };
    await writeFile(join(work, listFile), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600 });
    const made = await runProgram('tar', '--numeric-owner', '-czf', temporary, '-C', work, '.');
    if (made.code !== 0) return problem('TAR', `tar: ${made.stderr.trim()}`);
    await chmod(temporary, 0o600);
    const written = await open(temporary, 'r');
    await written.sync().finally(() => written.close());
    await rename(temporary, file);
    await syncFolder(dirname(file));
    return ok(taken);
  } finally {
    await rm(temporary, { force: true });
    await rm(work, { recursive: true, force: true });
  }
}

async function take({ kind, path }: Part, target: string): Promise<boolean> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (there === undefined) return false;
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  if (kind === 'database') await copyDatabase(path, target);
  // Links lead to where nobody knows what another machine has.
  else await cp(path, target, { recursive: true, filter: async (from) => !(await lstat(from)).isSymbolicLink() });
  return true;
}

export type Unpacked = { readonly folder: string; readonly manifest: Manifest };

/** Unpacks into a new folder below `where`, which the caller removes. What is not whole, or not a backup, is a problem, and gone again. */
export async function readArchive(
  file: string,
  where: string,
  signal: AbortSignal,
): Promise<Result<Unpacked, Problem>> {
  const folder = await mkdtemp(join(where, '.bramble-restore-'));
  const unfit = async (detail: string): Promise<Result<never, Problem>> => {
    await rm(folder, { recursive: true, force: true });
    return problem('NO_BACKUP', `${file}: ${detail}`);
  };
  const unpacked = await runProgram('tar', '--no-same-owner', '--no-same-permissions', '-xzf', file, '-C', folder);
  if (unpacked.code !== 0) return await unfit(`not a whole tar.gz: ${unpacked.stderr.trim().split('\n')[0]}`);
  const manifest = parseManifest(await readFile(join(folder, listFile), 'utf8').catch(() => ''));
  if (manifest === undefined) return await unfit('no backup of bramble, or of a newer one');
  const found = await sums(folder, signal);
  const names = new Set([...Object.keys(found), ...Object.keys(manifest.files)]);
  for (const name of names)
    if (found[name] !== manifest.files[name]) return await unfit(`${name} is not as it was written: it is damaged`);
  return ok({ folder, manifest });
}

function parseManifest(text: string): Manifest | undefined {
  try {
    const { format, version, hostname, at, addresses, files }: Record<string, unknown> = JSON.parse(text);
    if (format !== 1 || typeof version !== 'string' || typeof hostname !== 'string' || typeof at !== 'string') return;
    if (!Array.isArray(addresses) || typeof files !== 'object' || files === null) return;
    const sumOf = Object.entries(files).map(([name, sum]) => [name, String(sum)] as const);
    return { format, version, hostname, at, addresses: addresses.map(String), files: Object.fromEntries(sumOf) };
  } catch {
    return undefined;
  }
}

/** Of every file below the folder but the list itself; anything that is no file has a sum that nothing has. */
async function sums(folder: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    if (name === listFile) continue;
    found[name] = entry.isFile() ? (await readSum(path, { begin: 0, signal })).sha256 : 'no plain file';
  }
  return found;
}
