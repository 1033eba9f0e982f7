/**
 * The effect `start-installer`: puts the installer beside a board's own boot files, over SSH, and restarts the board. The one
 * way for a board that starts from its disk first. Done again, it does what is missing.
 */
import { createHash } from 'node:crypto';
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Ipv4, Mac } from '../../../config/values.ts';
import { memorySource } from '../../../image-builder/index.ts';
import {
  installerFiles,
  OWN_INITRAMFS,
  ownFirmware,
  ownName,
  renderOwnCmdline,
  renderOwnConfigTxt,
} from '../../boot/own-partition.ts';
import { renderCmdlineTxt } from '../../boot/render.ts';
import type { JoinBoard, Joiner } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { ByteSource } from '../../ports.ts';
import { type OwnFile, startIntoInstaller } from './reinstall-board.ts';

export type InstallerStartDeps = {
  readonly joiner: Pick<Joiner, 'onBoard'>;
  /** The boot files that the kit has; empty without a kit. */
  readonly kitFiles: () => Promise<readonly string[]>;
  readonly openKitFile: (path: string) => Promise<ByteSource | undefined>;
  readonly initramfs: () => Promise<Result<Uint8Array, Problem>>;
  /** Its boot key in hex (`bootKey`). */
  readonly keyOf: (mac: Mac) => string;
  /** Of the image that it gets. */
  readonly imageBytes: (device: Device) => Promise<Result<number, Problem>>;
  /** Where the installer finds us over HTTP; undefined until the network is known. */
  readonly server: () => { readonly address: Ipv4; readonly port: number } | undefined;
};

export type StartInstaller = (board: JoinBoard, device: Device, signal: AbortSignal) => Promise<Result<void, Problem>>;

export const installerStarter =
  (deps: InstallerStartDeps): StartInstaller =>
  async (board, device, signal) => {
    const server = deps.server();
    const [mac] = device.macs;
    if (server === undefined) return problem('NO_NETWORK', 'the network of the boards is not known yet');
    if (mac === undefined) return problem('MAC_UNKNOWN', 'its hardware address was never seen');
    const image = device.state.name === 'wiping' ? ok(0) : await deps.imageBytes(device);
    if (!image.ok) return image;
    const model = device.model?.model;
    const names = installerFiles(model, await deps.kitFiles());
    if (!names.ok) return names;
    const files = await gather(deps, names.value.files);
    if (!files.ok) return files;
    try {
      return await deps.joiner.onBoard(board, signal, (session) =>
        startIntoInstaller(session, {
          deviceId: device.id,
          firmware: ownFirmware(model),
          files: files.value,
          imageBytes: image.value,
          config: renderOwnConfigTxt(names.value.kernel),
          cmdline: (volumeId) => ownCmdline({ mac, key: deps.keyOf(mac), ...server }, volumeId),
        }),
      );
    } finally {
      for (const { source } of files.value) await source.close();
    }
  };

const ownCmdline = (
  {
    mac,
    key,
    address,
    port,
  }: { readonly mac: Mac; readonly key: string; readonly address: Ipv4; readonly port: number },
  volumeId: string,
): string => renderOwnCmdline(renderCmdlineTxt({ mac, key, server: address, port }), volumeId);

/** Kernel, device trees and initramfs, all of them open. */
async function gather(
  deps: InstallerStartDeps,
  names: readonly string[],
): Promise<Result<readonly OwnFile[], Problem>> {
  const initramfs = await deps.initramfs();
  if (!initramfs.ok) return initramfs;
  const files: OwnFile[] = [await ownFile(OWN_INITRAMFS, memorySource(initramfs.value))];
  for (const name of names) {
    const source = await deps.openKitFile(name);
    if (source !== undefined) files.push(await ownFile(ownName(name), source));
  }
  if (files.length === names.length + 1) return ok(files);
  for (const { source } of files) await source.close();
  return problem('KIT_LACKS', 'a file of the boot kit cannot be read');
}

async function ownFile(path: string, source: ByteSource): Promise<OwnFile> {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(256 * 1024);
  for (let at = 0; at < source.size; ) {
    const read = await source.read(chunk, at);
    if (read === 0) throw new Error(`${path} ended at byte ${at} of ${source.size}`);
    hash.update(chunk.subarray(0, read));
    at += read;
  }
  return { path, source, sha256: hash.digest('hex') };
}
