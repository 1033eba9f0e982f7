/**
 * The board runs the installer out of its initramfs: the real script, over a file instead of a block device. Not real: `init`,
 * which a virtual board has no use for (test/integration/initramfs-init.test.ts), and the arm64 busybox.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../../../config/result.ts';
import { INSTALLER_PATH } from '../../../image-builder/index.ts';
import { unpackInitramfs } from '../../../image-builder/unpack-initramfs.ts';
import { showDisk } from '../../support/board-disks.ts';
import type { BootPartition } from './disk.ts';
import { readBootText } from './disk.ts';
import type { Emit } from './events.ts';
import { type Identity, modelTable } from './models.ts';
import { leaseAddress } from './network.ts';
import { run } from './run.ts';

export type JoinConf = { readonly server: string; readonly key: string };

/** `key=value` lines of the join card; `undefined` when the disk is no join card. */
export async function joinConf(boot: BootPartition, signal: AbortSignal): Promise<JoinConf | undefined> {
  const text = await readBootText(boot, 'bramble/join.conf', signal);
  if (text === undefined) return;
  const value = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
  const [server, key] = [value('server'), value('cluster-key')];
  return server === undefined || key === undefined ? undefined : { server, key };
}

/** The installer's initramfs has busybox and nothing else. This machine's plays the part of the one in it, which is arm64's. */
async function busyboxOnly(folder: string, signal: AbortSignal): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { output } = await run('busybox', ['--list'], { signal });
  const applets = output.split('\n').filter((name) => /^[a-z0-9_[]+$/i.test(name));
  await Promise.all(applets.map((name) => symlink('/bin/busybox', join(folder, name)).catch(() => undefined)));
  return folder;
}

/** What the kernel does with an initramfs: the card's own archive too. Settles with the installer's path. */
async function unpack(initramfs: Uint8Array, folder: string): Promise<string> {
  for (const { path, mode, bytes } of must(await unpackInitramfs(initramfs))) {
    const isDirectory = (mode & 0o170000) === 0o040000;
    await (isDirectory
      ? mkdir(join(folder, path), { recursive: true })
      : writeFile(join(folder, path), bytes, { mode: mode & 0o777 }));
  }
  return join(folder, INSTALLER_PATH);
}

export type Installation = {
  readonly identity: Identity;
  readonly disk: string;
  readonly server: string;
  readonly source: 'netboot' | 'join-card';
  /** Hex: the cluster key of a card, the boot key of a netboot. */
  readonly key: string;
  /** As the firmware loaded it; what runs is the installer in it. */
  readonly initramfs: Uint8Array;
  readonly emit: Emit;
  readonly signal: AbortSignal;
};

/** Settles when the board is to start again. A board that was told to stop waits for ever, as a real one would. */
export async function runInstaller(installation: Installation): Promise<void> {
  const { identity, server, source, key, emit, signal } = installation;
  emit('installer', { source, server });
  emit('address', { address: await leaseAddress(undefined, 'once', signal), from: 'dhcp' });
  const row = modelTable[identity.model];
  const path = await busyboxOnly('/run/board/applets', signal);
  const script = await unpack(installation.initramfs, '/run/board/root');
  await showDisk('/run/board/disks', { name: 'mmcblk0', file: installation.disk, mmc: 'SD' });
  const { code } = await run(join(path, 'sh'), [script], {
    signal,
    accept: 'any',
    env: {
      PATH: path,
      BRAMBLE_SERVER: server,
      BRAMBLE_SYS: '/run/board/disks/sys',
      BRAMBLE_DEV: '/run/board/disks/dev',
      BRAMBLE_CARD: source === 'netboot' ? '' : 'mmcblk0',
      BRAMBLE_MAC: identity.mac,
      BRAMBLE_SERIAL: identity.serial,
      BRAMBLE_MODEL: row.description,
      BRAMBLE_MEMORY: String(row.memoryBytes),
      BRAMBLE_SOURCE: source,
      BRAMBLE_KEY: key,
      BRAMBLE_REBOOT: 'true',
      BRAMBLE_WORK: '/run/board/installer',
    },
    onLine: (line) => emit('installer-says', { line }),
  });
  if (code === 0) {
    emit('installed');
    return;
  }
  emit('installer-ended', { code });
  await sleep(2 ** 31 - 1, undefined, { signal, ref: true });
}
