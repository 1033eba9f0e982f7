/** What the installer is told: the meeting of the boot endpoints, admission and images. */
import { createHash } from 'node:crypto';
import { type DeviceId, type Mac, type Millis, sameSerial, seconds } from '../../../config/values.ts';
import { isInstalled } from '../../boot/offer.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { BootClaim, DiskClaim } from '../../http/claim.ts';
import { type BootDeps, type Progress, type SectorsPayload, sectorIndex } from '../../http/endpoints/boot.ts';
import type { BootInstruction } from '../../http/order.ts';
import { daemonProof } from '../../http/proof.ts';
import type { HttpClient } from '../../http/router.ts';
import type { BoardReport, BootSource, Device, DiskReport } from '../../lifecycle/device.ts';
import { chooseDisk, type DiskRule, wouldLose } from '../../lifecycle/disk-choice.ts';
import { explain } from '../../lifecycle/explain.ts';
import { isUndecided } from '../../lifecycle/registry.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { ByteSource, Clock } from '../../ports.ts';
import type { AdmissionDesk } from './admission-desk.ts';
import { type BootClientsDeps, bootClients } from './boot-clients.ts';
import { createInstallerLogs, type InstallerLogs } from './installer-logs.ts';
import type { Rivals } from './rivals.ts';

export type BootDeskDeps = Omit<BootClientsDeps, 'fleet'> & {
  readonly runner: Runner;
  readonly timelines: Timelines;
  readonly clock: Clock;
  readonly clusterId: string;
  /** `images.disk`. */
  readonly diskRules: readonly DiskRule[];
  /** Settles at the next change of the board, or after `limit`. */
  readonly nextChange: (id: DeviceId, limit: Millis) => Promise<void>;
  readonly images: {
    readonly openBase: (sha256: string) => Promise<ByteSource | undefined>;
    readonly baseOf: (device: Device) => Promise<{ readonly sha256: string; readonly bytes: number } | undefined>;
    readonly sectorsOf: (device: Device) => Promise<SectorsPayload | undefined>;
  };
  readonly onProgress: (device: Device, bytes: number) => Promise<void>;
  /** What a board waits for has come, though it says the same. */
  readonly isOverdue: AdmissionDesk['isOverdue'];
  readonly noticeRival: Rivals['notice'];
};

export type BootDesk = BootDeps & {
  /** A board that is gone, and with it what it was asked and has shown. */
  readonly forget: (id: DeviceId) => void;
  /** Its light is to blink: whether its installer asked in time, and was told so. */
  readonly locate: (id: DeviceId) => Promise<boolean>;
  readonly logOf: InstallerLogs['of'];
};

/** How long the installer sleeps between two questions (design: a later acceptance needs no power cycle). */
const RETRY = seconds(2);
/** A decision and an image take milliseconds: the answer waits for them rather than cost the board two seconds. */
const PATIENCE = seconds(5);
/** An installer that has nothing to write asks at least so often, whatever the load. */
const ASKS_WITHIN = seconds(8);
/** Long enough to walk to the shelf. */
const BLINK = seconds(60);

export function bootDesk(deps: BootDeskDeps): BootDesk {
  const { runner, timelines, clock, images } = deps;
  const clients = bootClients({ ...deps, fleet: () => runner.fleet });
  const logs = createInstallerLogs();
  const toBlink = new Map<DeviceId, { readonly asked: AbortController; readonly told: Promise<boolean> }>();

  async function report(claim: BootClaim, client: HttpClient): Promise<BootInstruction> {
    const device = runner.fleet.byMac(claim.mac);
    if (device === undefined) return wait('unknown', 'no DHCP message of this board was seen yet');
    const stranger = await clients.strangeness(device, client);
    if (stranger !== undefined) return wait('unknown', stranger);
    timelines.mark(device.id, clock.now(), 'installer reports');
    const standing = clients.prove(device, claim);
    if (!standing.proven) {
      if (standing.ask !== undefined) return { ...wait(device.state.name, 'prove your key'), nonce: standing.ask };
      timelines.mark(device.id, clock.now(), 'installer does not know our key');
      return wait(device.state.name, keyless[claim.source]);
    }
    if (deps.noticeRival(device, claim))
      return wait(
        device.state.name,
        `the board of this hardware address is ${device.name}, with another serial number`,
      );
    const known = sameBoard(claim, device);
    if (known !== undefined && (await runner.recognise(device.id, known.id)))
      return wait(known.state.name, `this is ${known.name} with another network adapter`);
    const order = await decided(device, reportOf(claim, device), isEmptied(claim, device));
    const located = toBlink.get(device.id);
    toBlink.delete(device.id);
    located?.asked.abort();
    return located === undefined ? order : { ...order, blink: BLINK };
  }

  /** A system of another cluster, or of another board that is known, is data that is lost for good: not ours to write over. */
  const asOurs = ({ clusterId, deviceId, ...disk }: DiskClaim, device: Device): DiskReport => {
    if (disk.content !== 'ours') return disk;
    if (clusterId !== '' && clusterId !== deps.clusterId) return { ...disk, content: 'foreign' };
    const owner = runner.fleet.all().find(({ id }) => id === deviceId);
    if (owner === undefined) return disk;
    return { ...disk, content: owner.id === device.id ? 'ours' : 'foreign', device: owner.id };
  };

  /**
   * Somebody wrote a join card over its system, or put an empty disk in: none of its disks holds the system of any board, as
   * the card of an installed one would that was left in beside it.
   */
  const isEmptied = ({ disks, serial }: BootClaim, { serials }: Device): boolean =>
    serial !== undefined &&
    serials.some((known) => sameSerial(known, serial)) &&
    disks.every(({ content, deviceId }) => content !== 'foreign' && deviceId === '');

  /**
   * The board of ours that is this newcomer, as far as can be told: it has the same serial number, is not heard of, and who
   * claims so was started from a card that knows the cluster key. One that is there would be somebody else's serial number.
   */
  const sameBoard = ({ serial, source }: BootClaim, newcomer: Device): Device | undefined => {
    if (source !== 'join-card' || serial === undefined || !isUndecided(newcomer)) return undefined;
    const same = runner.fleet
      .all()
      .filter(({ id, serials }) => id !== newcomer.id && serials.some((known) => sameSerial(known, serial)));
    const [known, ...others] = same;
    return known !== undefined && others.length === 0 && isAway(known) ? known : undefined;
  };

  const reportOf = (claim: BootClaim, device: Device): BoardReport => ({
    mac: claim.mac,
    serial: claim.serial,
    model: claim.model,
    disk: chooseDisk({ ...claim, disks: claim.disks.map((disk) => asOurs(disk, device)) }, deps.diskRules),
    memoryBytes: claim.memoryBytes,
    source: claim.source,
    // Whoever hears a netboot knows its key.
    proof: claim.source === 'join-card',
  });

  async function decided(known: Device, board: BoardReport, emptied: boolean): Promise<BootInstruction> {
    const { id } = known;
    const again = deps.isOverdue(known, board);
    const event = {
      event: 'installer-reported',
      report: board,
      ...(again && { again }),
      ...(emptied && { emptied }),
    } as const;
    await runner.dispatch(id, event);
    const device = await settled(id);
    // Decided while this very report was on its way, about another one: it is asked for again, not carried out.
    if (device?.state.name !== 'installing' || !wouldLose(device.state.report, board))
      return instruction(device, board);
    await runner.dispatch(id, event);
    return instruction(await settled(id), board);
  }

  async function settled(id: DeviceId): Promise<Device | undefined> {
    const until = clock.now() + PATIENCE;
    for (;;) {
      const device = runner.fleet.byId(id);
      const soon = device?.state.name === 'reported' || device?.state.name === 'accepted';
      const left = until - clock.now();
      if (!soon || left <= 0) return device;
      await deps.nextChange(id, seconds(left / 1000));
    }
  }

  /** For the board that has just told `board`: the disk is the one that it has now. */
  async function instruction(device: Device | undefined, board: BoardReport): Promise<BootInstruction> {
    const { disk } = board;
    if (device === undefined) return wait('unknown', 'this board was forgotten');
    const { state } = device;
    const message = explain(device);
    switch (state.name) {
      case 'installing': {
        const [base, sectors] = await Promise.all([images.baseOf(device), images.sectorsOf(device)]);
        if (base === undefined || sectors === undefined) return await imageGone(device, board);
        if (disk.content === 'none') return wait(state.name, 'it has no disk any more that may be written');
        const sectorsSha256 = createHash('sha256').update(sectorIndex(sectors)).digest('hex');
        const { arming } = state;
        return { action: 'install', state: state.name, message, arming, disk: disk.name, base, sectorsSha256 };
      }
      case 'starting':
        return { action: 'boot', state: state.name, message, disk: disk.name };
      case 'joining':
      case 'ready':
      case 'unreachable':
      case 'left':
        return toItsSystem(device, board);
      case 'local-boot-failed':
        // Its disk does not start: to send it there once more helps nobody. Where the installer was put it does.
        return board.source === 'reinstall' ? toItsSystem(device, board) : wait(state.name, message);
      case 'rejected':
        // Nothing of ours is to stay on it but its system, which only the installer keeps from starting.
        return state.system === 'disk' && board.source === 'reinstall' && disk.content === 'ours'
          ? toItsSystem(device, board)
          : { action: 'stop', state: state.name, message };
      case 'replaced':
        return { action: 'stop', state: state.name, message };
      case 'failed':
        return state.resume.at === 'install' || state.resume.at === 'wipe'
          ? wait(state.name, message)
          : toItsSystem(device, board);
      case 'wiping':
        if (state.start.step === 'done') return { action: 'stop', state: state.name, message };
        if (state.start.step !== 'running') return wait(state.name, message);
        if (disk.content === 'none') return wait(state.name, 'it has no disk that may be written');
        return { action: 'wipe', state: state.name, message, arming: state.arming, disk: disk.name };
      case 'seen':
      case 'booting':
      case 'adopting':
      case 'reported':
      case 'pending':
      case 'accepted':
      case 'reinstalling':
      case 'held':
        return wait(state.name, message);
    }
  }

  /** Its base was removed, or its own sectors are damaged or of an older version: they are made anew when it asks again. */
  async function imageGone(device: Device, board: BoardReport): Promise<BootInstruction> {
    const { id, state } = device;
    const now = runner.fleet.byId(id);
    // What was looked for belonged to a state that is over.
    if (now?.state !== state) return wait(now?.state.name ?? 'unknown', 'decided anew');
    const detail = 'its image is not there any more; a new one is made by itself when its installer asks again';
    await runner.dispatch(id, { event: 'install-failed', code: 'IMAGE_GONE', detail });
    return await instruction(runner.fleet.byId(id), board);
  }

  async function sectors(arming: string, client: HttpClient): Promise<SectorsPayload | undefined> {
    const device = await clients.armed(arming, client);
    return device && images.sectorsOf(device);
  }

  async function progress(arming: string, { written, verified }: Progress, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) return false;
    timelines.mark(device.id, clock.now(), verified === 0 ? 'writes its image' : 'reads its image back');
    // Reading back takes about as long as writing.
    await deps.onProgress(device, (written + verified) / 2);
    return true;
  }

  async function installed(arming: string, sha256: string, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) {
      // It says so again because our first answer was lost.
      const told = await clients.boardOf(client);
      return told !== undefined && isInstalled(told);
    }
    const base = await images.baseOf(device);
    const code = 'BASE_DIFFERS';
    const detail = 'what was read back from the disk is not the base image that was served';
    // One that was removed before we were started again is not there to be compared with: the installer did that itself.
    const differs = base !== undefined && base.sha256 !== sha256;
    await runner.dispatch(device.id, differs ? { event: 'install-failed', code, detail } : { event: 'installed' });
    return !differs;
  }

  async function failed(arming: string, code: string, detail: string, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) return false;
    await runner.dispatch(device.id, { event: 'install-failed', code, detail });
    return true;
  }

  async function wiped(arming: string, how: string, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) {
      // It says so again because our first answer was lost.
      const told = (await clients.boardOf(client))?.state;
      return told?.name === 'wiping' && told.start.step === 'done' && told.arming === arming;
    }
    timelines.mark(device.id, clock.now(), `its disk is wiped: ${how}`);
    await runner.dispatch(device.id, { event: 'wiped' });
    return true;
  }

  async function log(mac: Mac, text: string, client: HttpClient): Promise<boolean> {
    const device = runner.fleet.byMac(mac);
    if (device === undefined || (await clients.strangeness(device, client)) !== undefined) return false;
    logs.keep(device.id, text);
    return true;
  }

  function locate(id: DeviceId): Promise<boolean> {
    const known = toBlink.get(id);
    if (known !== undefined) return known.told;
    const asked = new AbortController();
    const told = clock.sleep(ASKS_WITHIN, asked.signal).then(
      () => toBlink.delete(id) && false,
      () => true,
    );
    toBlink.set(id, { asked, told });
    return told;
  }

  function forget(id: DeviceId): void {
    clients.forget(id);
    logs.forget(id);
  }

  return {
    report,
    prove: (to, text) => daemonProof(clients.keyOf(to), text),
    clusterId: deps.clusterId,
    openBase: images.openBase,
    sectors,
    progress,
    installed,
    failed,
    wiped,
    log,
    forget,
    locate,
    logOf: logs.of,
  };
}

/** It was installed, and nothing of it answers. */
const isAway = ({ state }: Device): boolean =>
  state.name === 'unreachable' ||
  state.name === 'local-boot-failed' ||
  state.name === 'left' ||
  (state.name === 'failed' && state.resume.at !== 'install');

/** What a board is told whose key is not ours. */
const keyless: Readonly<Record<BootSource, string>> = {
  netboot: 'what it was started with is not from this master: switch it off and on again',
  'join-card': 'its join card is of another cluster: write one with "bramble image join-card"',
  reinstall: 'its installer was put there by another master: start it from a join card',
};

/**
 * A join card would start the installer again, over and over. Where the installer was put into its own boot partition it gives
 * the board its config.txt back before it restarts.
 */
function toItsSystem({ name, state }: Device, { source, disk }: BoardReport): BootInstruction {
  if (source !== 'join-card')
    return { action: 'boot', state: state.name, message: 'start from your disk', disk: disk.name };
  const message = `${name} is installed already: take the card out, or ask for \`bramble reinstall ${name}\``;
  return wait(state.name, message);
}

const wait = (state: string, message: string) => ({ action: 'wait', state, message, retry: RETRY }) as const;
