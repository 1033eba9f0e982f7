/**
 * The servers that we are measured against. What is not installed is unpacked into the cache, nothing is installed: the
 * packages of atftpd and tftpd-hpa exclude each other, and none of these is to be started by the system.
 */
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { finish, startProgram } from '../support/program.ts';

export type PeerPrograms = {
  /** The path of a program, or of any file that is named as a package has it: `usr/share/seabios/bios.bin`. */
  readonly find: (program: string) => Promise<string>;
  /** For its libraries. */
  readonly env: Readonly<Record<string, string>>;
};

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bramble', 'peers');

/** Debian packages with what they depend on and this machine lacks. Rejects when they cannot be had. */
export async function peerPrograms(packages: readonly string[]): Promise<PeerPrograms> {
  const roots = await Promise.all(packages.map((name) => unpacked(name)));
  const libraries = await Promise.all(
    roots.flatMap((root) => [subfolders(join(root, 'lib')), subfolders(join(root, 'usr', 'lib'))]),
  );
  const places = [
    ...roots.flatMap((root) => [root, join(root, 'usr', 'sbin'), join(root, 'usr', 'bin')]),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return {
    find: async (program) => {
      for (const place of places) {
        const path = join(place, program);
        if (await exists(path)) return path;
      }
      throw new Error(`${program} is not on this machine`);
    },
    env: { LD_LIBRARY_PATH: libraries.flat().join(delimiter) },
  };
}

/** The folder of a package; one that is whole already is left as it is. */
async function unpacked(name: string): Promise<string> {
  const folder = join(cache, name);
  if (await exists(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, '.unpacking-'));
  try {
    const archives = join(unfinished, 'archives');
    await mkdir(archives);
    const names = await missing(name).catch(async () => {
      // The lists of packages are older than the archive, or were never there.
      await run(['apt-get', 'update', '-qq']);
      return await missing(name);
    });
    await run(['apt-get', 'download', '-qq', ...names], archives);
    const root = join(unfinished, 'root');
    for (const archive of await readdir(archives)) await run(['dpkg', '-x', join(archives, archive), root]);
    await rename(root, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** The package itself, and of all that it depends on what is not installed: `Inst NAME (…)` of a rehearsed installation. */
async function missing(name: string): Promise<readonly string[]> {
  const rehearsal = await run(['apt-get', 'install', '--simulate', '--no-install-recommends', name]);
  return [...new Set([name, ...Array.from(rehearsal.matchAll(/^Inst (\S+)/gm), ([, found = '']) => found)])];
}

async function run(command: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await finish(startProgram(command, { ...(cwd !== undefined && { cwd }) }), {
    deadlineMs: 300_000,
  });
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function subfolders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}
