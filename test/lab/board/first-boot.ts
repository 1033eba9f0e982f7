/** What turns a published image into this board: cloud-init (Debian's own) or device-init (a stand-in). */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { run } from './run.ts';

/** `bringUp` is called once the network configuration is rendered, before anything that may want the network. */
export async function cloudInit(bootFolder: string, bringUp: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const seed = '/var/lib/cloud/seed/nocloud';
  await mkdir(seed, { recursive: true });
  for (const file of ['user-data', 'meta-data', 'network-config', 'vendor-data']) {
    await copyFile(join(bootFolder, file), join(seed, file)).catch(() => undefined);
  }
  await rm('/etc/cloud/cloud.cfg.d', { recursive: true, force: true });
  await copyFile(join(import.meta.dirname, 'cloud.cfg'), '/etc/cloud/cloud.cfg');
  // Debian's interpreter: another python3 in PATH does not have the package.
  const child = spawn('/usr/bin/python3', [join(import.meta.dirname, 'cloud-init-boot.py')], {
    stdio: ['pipe', 'pipe', 'ignore'],
    signal,
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  child.stdin.on('error', () => undefined);
  let done = false;
  for await (const line of createInterface(child.stdout)) {
    if (line === 'network') {
      await bringUp();
      child.stdin.end('\n');
    }
    done ||= line === 'done';
  }
  const code = await ended;
  if (!done) throw new Error(`cloud-init ended with ${code}, see /var/log/cloud-init-output.log`);
}

/** The keys of device-init.yaml that a board of ours can have (hypriot/device-init v0.1.9). */
export function parseDeviceInit(text: string): {
  readonly hostname: string | undefined;
  readonly runcmd: readonly string[];
} {
  const value: unknown = parse(text);
  if (typeof value !== 'object' || value === null) return { hostname: undefined, runcmd: [] };
  const hostname = 'hostname' in value && typeof value.hostname === 'string' ? value.hostname : undefined;
  const runcmd =
    'runcmd' in value && Array.isArray(value.runcmd) ? value.runcmd.filter((line) => typeof line === 'string') : [];
  return { hostname, runcmd };
}

/** At every boot, done-mark or not; a command that fails is printed and passed over (facts, "device-init's life cycle"). */
export async function deviceInitStandIn(
  bootFolder: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { hostname, runcmd } = parseDeviceInit(await readFile(join(bootFolder, 'device-init.yaml'), 'utf8'));
  if (hostname !== undefined) {
    await writeFile('/etc/hostname', `${hostname}\n`);
    await run('hostname', [hostname], { signal });
  }
  for (const command of runcmd) {
    const { code } = await run('sh', ['-c', command], { signal, onLine, accept: 'any' });
    if (code !== 0) onLine(`runcmd ended with ${code}: ${command.slice(0, 80)}`);
  }
}
