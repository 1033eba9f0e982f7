/**
 * A Debian 12 for arm64 with a kernel for virtual machines, and Raspberry Pi firmware and device trees beside it. Made once per
 * state of its recipe, which takes some minutes, and kept in the user's cache; nothing is installed on this machine.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerPrograms } from '../../bench/peers.ts';
import { finish, startProgram } from '../../support/program.ts';

export type Arm64Root = {
  /** Its root file system, as a folder whose files belong to whom they belong there. */
  readonly root: string;
  /** Firmware and device trees, as on a boot partition. */
  readonly firmware: string;
  /** `6.1.0-50-cloud-arm64`. */
  readonly kernel: string;
  /** Of its recipe, for what is made of it. */
  readonly version: string;
};

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bramble', 'arm64-root');
const script = fileURLToPath(new URL('arm64-root.sh', import.meta.url));
const overlay = fileURLToPath(new URL('arm64-root', import.meta.url));
const recipeMillis = 40 * 60_000;

/** Needs root. Rejects when the packages cannot be had. */
export async function arm64Root(say: (line: string) => void): Promise<Arm64Root> {
  const version = await recipeVersion();
  const folder = join(cache, version);
  if (!(await exists(folder))) await make(folder, say);
  const root = join(folder, 'root');
  const [kernel] = await readdir(join(root, 'lib', 'modules'));
  if (kernel === undefined) throw new Error(`${root} has no kernel: remove ${folder}`);
  return { root, firmware: join(folder, 'firmware'), kernel, version };
}

async function recipeVersion(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [script, fileURLToPath(import.meta.url), ...(await filesBelow(overlay))]) {
    hash.update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

async function make(folder: string, say: (line: string) => void): Promise<void> {
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, '.making-'));
  try {
    say(`making a Debian for arm64 in ${folder}: some minutes, once`);
    const tools = await peerPrograms(['debootstrap', 'qemu-user-static']);
    const archive = await archiveAddress();
    const debs = join(unfinished, 'debs');
    const device = await kernelPackages(unfinished, archive, debs);
    const debootstrap = join(dirname(await tools.find('usr/sbin/debootstrap')), '..', '..');
    const emulator = await tools.find('qemu-aarch64-static');
    await run(['sh', script, join(unfinished, 'root'), archive, emulator, debootstrap, debs], recipeMillis);
    await collectFirmware(debs, device, join(unfinished, 'firmware'));
    await rm(debs, { recursive: true });
    await rm(join(unfinished, 'apt'), { recursive: true });
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** The one that this machine installs from. */
async function archiveAddress(): Promise<string> {
  const targets = await run(['apt-get', 'indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']);
  const [address] = targets.split('\n').filter((line) => /\/debian\/?$/.test(line));
  if (address === undefined) throw new Error('this machine installs from no Debian archive');
  return address;
}

/** Downloads them by a private apt of another architecture; tells the package with the device trees. */
async function kernelPackages(unfinished: string, archive: string, debs: string): Promise<string> {
  const apt = join(unfinished, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  await mkdir(debs);
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(join(apt, 'status'), '');
  await writeFile(join(apt, 'sources.list'), `deb [signed-by=${keys}] ${archive} bookworm main non-free-firmware\n`);
  const settings = {
    'APT::Architecture': 'arm64',
    'Dir::State': apt,
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Dir::Etc::sourceparts': join(apt, 'none'),
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'APT::Sandbox::User': 'root',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  const config = join(apt, 'apt.conf');
  await writeFile(config, `${lines.join('')}APT::Architectures { "arm64"; };\n`);
  const env = { APT_CONFIG: config };
  await run(['apt-get', 'update', '-qq'], 300_000, { env });
  const depends = await run(['apt-cache', 'depends', 'linux-image-cloud-arm64'], 60_000, { env });
  const kernel = /linux-image-[^ \n]*-cloud-arm64$/m.exec(depends.replace(/^.*linux-image-cloud-arm64\n/, ''))?.[0];
  if (kernel === undefined) throw new Error(`no kernel in: ${depends}`);
  const whole = kernel.replace('-cloud', '');
  await run(['apt-get', 'download', '-qq', kernel, whole, 'raspi-firmware'], 600_000, { env, cwd: debs });
  return whole;
}

/** Raspberry Pi OS has the firmware of all models at the top, and the device trees beside it. */
async function collectFirmware(debs: string, deviceTrees: string, firmware: string): Promise<void> {
  const all = join(debs, 'all');
  for (const name of await readdir(debs)) {
    if (name.startsWith(`${deviceTrees}_`) || name.startsWith('raspi-firmware_')) {
      await run(['dpkg-deb', '--extract', join(debs, name), all], 120_000);
    }
  }
  await mkdir(firmware);
  const wanted = /\/(bootcode\.bin|start4?\.elf|fixup4?\.dat|bcm27\d\d-rpi-[^/]+\.dtb|bcm2837-rpi-3-[^/]+\.dtb)$/;
  const found = (await filesBelow(all)).filter((file) => wanted.test(file));
  if (!found.some((file) => file.endsWith('bcm2711-rpi-4-b.dtb'))) throw new Error('no device tree of a Pi 4');
  // Raspberry Pi OS calls the chip of a Pi 3 bcm2710, Linux calls it bcm2837.
  for (const file of found) await rename(file, join(firmware, (file.split('/').at(-1) ?? '').replace('2837', '2710')));
}

export async function run(
  command: readonly string[],
  deadlineMs = 60_000,
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await finish(startProgram(command, options), { deadlineMs });
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${(stderr || stdout).slice(-2000)}`);
  return stdout;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
