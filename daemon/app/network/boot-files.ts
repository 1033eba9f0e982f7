/** What a TFTP request is answered with: the meeting of the TFTP server, the boot files and the life of boards. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { DeviceId, Ipv4, Mac } from '../../../config/values.ts';
import { kernelOf, memorySource } from '../../../image-builder/index.ts';
import type { BootFile } from '../../boot/files.ts';
import { parseBootRequest } from '../../boot/files.ts';
import { mayNetboot } from '../../boot/offer.ts';
import { renderCmdlineTxt, renderConfigTxt } from '../../boot/render.ts';
import { createBootRounds } from '../../boot/rounds.ts';
import type { Sight } from '../../boot/sight.ts';
import type { Timelines } from '../../boot/timeline.ts';
import { isOfAnother } from '../../lifecycle/admission.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isUndecided } from '../../lifecycle/registry.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { ByteSource, Clock } from '../../ports.ts';
import type { FileRequest, OpenFile, Served } from '../../tftp/server.ts';
import type { EepromDesk } from '../boards/eeproms.ts';
import type { HearAddress } from './heard-addresses.ts';

export type BootFilesDeps = {
  readonly runner: Pick<Runner, 'fleet' | 'dispatch'>;
  readonly timelines: Timelines;
  readonly clock: Clock;
  /** Who answers for this address on our link. Beside a router, a board has the router's address and not ours. */
  readonly hardwareAddressOf: (address: Ipv4) => Promise<Mac | undefined>;
  /** The board speaks from this address. */
  readonly onHeard: HearAddress;
  /** Hex; what the board and we know each other by (`bootKey`). */
  readonly bootKeyOf: (mac: Mac) => string;
  /** Where the installer finds us over HTTP. */
  readonly server: { readonly address: Ipv4; readonly port: number };
  /** A file of the boot kit, straight out of the base's FAT partition. Undefined: it has none of that name. */
  readonly openKitFile: (path: string) => Promise<ByteSource | undefined>;
  /** Paths of all of them; empty without a kit. */
  readonly kitFiles: () => Promise<readonly string[]>;
  /** Undefined: it cannot be made here. */
  readonly openEeprom: EepromDesk['open'];
  readonly installerInitramfs: () => Promise<Uint8Array | undefined>;
};

type Answer = Result<ByteSource, Problem<'NOT_FOUND' | 'DENIED'>>;

export function bootFileDesk(deps: BootFilesDeps): {
  readonly open: OpenFile;
  readonly onServed: (served: Pick<Served, 'file' | 'source' | 'ended' | 'bytes'>) => void;
} {
  const { runner, timelines, clock } = deps;
  /** Whom they were opened for. */
  const openedFor = new WeakMap<ByteSource, DeviceId>();
  const rounds = createBootRounds();

  async function open(request: FileRequest): Promise<Answer> {
    const { serial, file, path } = parseBootRequest(request.file);
    const device = await boardAt(request.client.address);
    if (device === undefined) return problem('NOT_FOUND', 'no board of ours has this address');
    const see = (sight: Sight): void => timelines.see(device.id, clock.now(), sight);
    // Before it has reported, what is known of its serial may be anybody's packet; and none of these files is a secret.
    if (isOfAnother(device, serial)) {
      see({ sight: 'other-serial', serial: serial ?? '' });
      return problem('NOT_FOUND', 'this is not your serial number');
    }
    if (!mayNetboot(device)) {
      if (timelines.sentToDisk(device.id, clock.now())) countRound(device);
      return problem('NOT_FOUND', 'start from your disk');
    }
    const source = await sourceOf(device, file);
    see({ sight: source === undefined ? 'missing' : 'asked', path: shortened(path) });
    if (source === undefined) return problem('NOT_FOUND', 'File not found');
    await runner.dispatch(device.id, {
      event: 'boot-file-served',
      file: request.file,
      ...(serial !== undefined && { serial }),
    });
    // One for each request, whatever the kit hands out.
    const opened = { ...source };
    openedFor.set(opened, device.id);
    return ok(opened);
  }

  function countRound(device: Device): void {
    const count = rounds.another(device);
    if (count === undefined) return;
    // What cannot be written now is told at the next round again.
    runner.dispatch(device.id, { event: 'local-boot-failed', rounds: count }).catch(() => undefined);
  }

  async function sourceOf(device: Device, file: BootFile): Promise<ByteSource | undefined> {
    switch (file.from) {
      case 'kit':
        return deps.openKitFile(file.path);
      case 'installer': {
        const bytes = await deps.installerInitramfs();
        return bytes && memorySource(bytes);
      }
      case 'eeprom':
        // It is written for good: into no board that nobody has accepted.
        return isUndecided(device) ? undefined : deps.openEeprom(device.model?.model, file.name);
      case 'nowhere':
        return undefined;
      case 'rendered':
        return memorySource(Buffer.from(await renderFor(device, file.name), 'latin1'));
    }
  }

  async function renderFor(device: Device, name: 'config.txt' | 'cmdline.txt'): Promise<string> {
    // Where the kit has none it is asked for all the same, and the traffic shows what is missing.
    if (name === 'config.txt')
      return renderConfigTxt(kernelOf(device.model?.model, await deps.kitFiles()) ?? 'kernel8.img');
    const [mac] = device.macs;
    if (mac === undefined) throw new Error(`${device.name} has no hardware address`);
    return renderCmdlineTxt({
      mac,
      server: deps.server.address,
      port: deps.server.port,
      key: deps.bootKeyOf(mac),
    });
  }

  async function boardAt(address: Ipv4): Promise<Device | undefined> {
    const mac = await deps.hardwareAddressOf(address);
    const device = mac && runner.fleet.byMac(mac);
    if (device !== undefined) deps.onHeard(device, address);
    return device ?? runner.fleet.byAddress(address);
  }

  function onServed({ file, source, ended, bytes }: Pick<Served, 'file' | 'source' | 'ended' | 'bytes'>): void {
    const id = openedFor.get(source);
    // An aborted one is how firmware asks whether a file exists.
    if (id === undefined || ended === 'aborted') return;
    const path = shortened(parseBootRequest(file).path);
    const percent = Math.floor((100 * bytes) / Math.max(1, source.size));
    timelines.see(id, clock.now(), ended === 'complete' ? { sight: 'fetched', path } : { sight: 'cut', path, percent });
  }

  return { open, onServed };
}

/** It is kept, and anybody's words. */
const shortened = (path: string): string => (path.length <= 80 ? path : `${path.slice(0, 79)}…`);
