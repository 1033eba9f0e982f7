/** The system on the board's disk, from the end of the firmware to sshd and the kubelet. */

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { type BootPartition, extractBoot, writeBack } from './disk.ts';
import type { Emit } from './events.ts';
import { cloudInit, deviceInitStandIn } from './first-boot.ts';
import { applyStatic, leaseAddress } from './network.ts';
import { run } from './run.ts';
import { binDirectory, installPrograms, sshdPidFile } from './system-bin.ts';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const hostKey = '/etc/ssh/ssh_host_ed25519_key';

/** Nothing of the machine that plays the board may look like the board's own. */
async function forgetTheMachine(): Promise<void> {
  if (await exists('/etc/board-id')) return;
  for (const file of await readdir('/etc/ssh')) {
    if (file.startsWith('ssh_host_')) await rm(join('/etc/ssh', file));
  }
  for (const folder of [
    '/etc/systemd/network',
    '/etc/network/interfaces.d',
    '/etc/kubernetes',
    '/var/lib/kubelet',
    '/var/lib/cloud',
  ]) {
    await rm(folder, { recursive: true, force: true });
  }
  const id = randomBytes(16).toString('hex');
  await writeFile('/etc/machine-id', `${id}\n`);
  await writeFile('/etc/hostname', 'raspberrypi\n');
  await writeFile('/etc/board-id', `${id}\n`);
}

async function digests(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const pairs = files.map(async (file): Promise<[string, string]> => {
    const content = await readFile(file);
    return [relative(folder, file), createHash('sha256').update(content).digest('hex')];
  });
  return new Map(await Promise.all(pairs));
}

/** The boot partition as the system sees it; there is no vfat in the lab's kernel, so changes are carried back by hand. */
async function mountBoot(boot: BootPartition, folder: string, signal: AbortSignal): Promise<() => Promise<void>> {
  await run('mount', ['-t', 'tmpfs', 'boot', '/boot'], { signal });
  await mkdir(folder, { recursive: true });
  await extractBoot(boot, folder, signal);
  const before = await digests(folder);
  return async () => {
    const after = await digests(folder);
    const written = [...after].filter(([name, digest]) => before.get(name) !== digest).map(([name]) => name);
    const removed = [...before.keys()].filter((name) => !after.has(name));
    await writeBack(boot, folder, { written, removed }, signal);
  };
}

/** Resolves when sshd listens, with the system's own configuration. It ends with the board. */
async function startSshd(signal: AbortSignal): Promise<void> {
  // The key that an image comes with: nobody knows it, and it is not the one that the first boot puts there.
  if (!(await exists(hostKey))) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey], { signal });
  const settings = {
    PidFile: sshdPidFile,
    // PAM wants a session bus and a login register, which a namespace does not have.
    UsePAM: 'no',
    UseDNS: 'no',
    SetEnv: `PATH=${binDirectory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', ...options], { stdio: ['ignore', 'ignore', 'pipe'], signal });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('error', reject);
  const said: string[] = [];
  child.once('close', (code) => reject(new Error(`sshd ended with ${code}: ${said.join('\n')}`)));
  createInterface(child.stderr).on('line', (line) => {
    if (said.length < 20) said.push(line);
    if (line.startsWith('Server listening')) resolve();
  });
  await promise;
}

/** A board that joined before goes on as a node, without anybody's help. */
async function startKubelet(emit: Emit, signal: AbortSignal): Promise<void> {
  if (!(await exists('/var/lib/kubelet/pki/kubelet-client-current.pem'))) return;
  await run('kubelet', ['--background'], { signal, env: { PATH: `${binDirectory}:${process.env['PATH'] ?? ''}` } });
  emit('kubelet');
}

/** Settles once the board is up; its services run on until it is switched off. */
export async function startSystem(
  boot: BootPartition,
  repository: string,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const form = boot.files.has('user-data')
    ? 'cloud-init'
    : boot.files.has('device-init.yaml')
      ? 'device-init'
      : 'plain';
  emit('system', { form });
  await forgetTheMachine();
  await installPrograms(repository);
  process.env['PATH'] = `${binDirectory}:${process.env['PATH'] ?? ''}`;
  const folder = form === 'cloud-init' ? '/boot/firmware' : '/boot';
  const syncBoot = await mountBoot(boot, folder, signal);
  await run('hostname', [(await readFile('/etc/hostname', 'utf8')).trim()], { signal });
  const network = async (): Promise<void> => {
    const fixed = await applyStatic(signal);
    const address = fixed ?? (await leaseAddress(hostname(), 'renew', signal));
    emit('address', { address, from: fixed === undefined ? 'dhcp' : 'own configuration' });
  };
  if (form === 'cloud-init') {
    // cloud-init comes before ssh.service; only what it runs at the very end may come after.
    await cloudInit(folder, network, signal);
    await startSshd(signal);
  } else {
    // device-init waits for the network, and sshd does not wait for device-init.
    await network();
    await startSshd(signal);
    if (form === 'device-init') await deviceInitStandIn(folder, (line) => emit('device-init', { line }), signal);
  }
  await syncBoot();
  emit('sshd', { hostname: hostname() });
  await startKubelet(emit, signal);
}
