/** What the installer is told: the meeting of the boot endpoints, admission and images. */
import { type DeviceId, type Mac, type Millis, seconds } from '../../../config/values.ts';
import { KEY_UNKNOWN } from '../../boot/sight.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { BootClaim } from '../../http/claim.ts';
import type { BootDeps } from '../../http/endpoints/boot.ts';
import type { BootInstruction } from '../../http/order.ts';
import { daemonProof } from '../../http/proof.ts';
import type { HttpClient } from '../../http/router.ts';
import type { BoardReport, BootSource, Device } from '../../lifecycle/device.ts';
import { type DiskRule, wouldLose } from '../../lifecycle/disk-choice.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { ByteSource, Clock } from '../../ports.ts';
import type { AdmissionDesk } from './admission-desk.ts';
import { type Blinks, createBlinks } from './blinks.ts';
import { type BootClientsDeps, bootClients } from './boot-clients.ts';
import { isEmptied, reportOf, sameBoard } from './claimed-board.ts';
import { createInstallerLogs, type InstallerLogs } from './installer-logs.ts';
import { installerWork } from './installer-work.ts';
import { type BoardImages, instructions, wait } from './instructions.ts';
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
  readonly images: BoardImages & { readonly openBase: (sha256: string) => Promise<ByteSource | undefined> };
  readonly onProgress: (device: Device, bytes: number) => Promise<void>;
  /** What a board waits for has come, though it says the same. */
  readonly isOverdue: AdmissionDesk['isOverdue'];
  readonly noticeRival: Rivals['notice'];
};

export type BootDesk = BootDeps & {
  /** A board that is gone, and with it what it was asked and has shown. */
  readonly forget: (id: DeviceId) => void;
  readonly locate: Blinks['locate'];
  readonly logOf: InstallerLogs['of'];
};

/** A decision and an image take milliseconds: the answer waits for them rather than cost the board two seconds. */
const PATIENCE = seconds(5);

export function bootDesk(deps: BootDeskDeps): BootDesk {
  const { runner, timelines, clock, images } = deps;
  const clients = bootClients({ ...deps, fleet: () => runner.fleet });
  const logs = createInstallerLogs();
  const blinks = createBlinks(clock);
  const instruction = instructions({ runner, images });

  async function report(claim: BootClaim, client: HttpClient): Promise<BootInstruction> {
    const device = runner.fleet.byMac(claim.mac);
    if (device === undefined) return wait('unknown', 'no DHCP message of this board was seen yet');
    const stranger = await clients.strangeness(device, client);
    if (stranger !== undefined) return wait('unknown', stranger);
    timelines.mark(device.id, clock.now(), 'installer reports');
    const standing = clients.prove(device, claim);
    if (!standing.proven) {
      if (standing.ask !== undefined) return { ...wait(device.state.name, 'prove your key'), nonce: standing.ask };
      timelines.mark(device.id, clock.now(), KEY_UNKNOWN);
      return wait(device.state.name, keyless[claim.source]);
    }
    if (deps.noticeRival(device, claim))
      return wait(
        device.state.name,
        `the board of this hardware address is ${device.name}, with another serial number`,
      );
    const known = sameBoard(claim, device, runner.fleet.all());
    if (known !== undefined && (await runner.recognise(device.id, known.id)))
      return wait(known.state.name, `this is ${known.name} with another network adapter`);
    const board = reportOf(claim, device, { ...deps, boards: runner.fleet.all() });
    const order = await decided(device, board, isEmptied(claim, device));
    const blink = blinks.asked(device.id);
    return blink === undefined ? order : { ...order, blink };
  }

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

  async function log(mac: Mac, text: string, client: HttpClient): Promise<boolean> {
    const device = runner.fleet.byMac(mac);
    if (device === undefined || (await clients.strangeness(device, client)) !== undefined) return false;
    logs.keep(device.id, text);
    return true;
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
    ...installerWork({ ...deps, clients }),
    log,
    forget,
    locate: blinks.locate,
    logOf: logs.of,
  };
}

/** What a board is told whose key is not ours. */
const keyless: Readonly<Record<BootSource, string>> = {
  netboot: 'what it was started with is not from this master: switch it off and on again',
  'join-card': 'its join card is of another cluster: write one with "bramble image join-card"',
  reinstall: 'its installer was put there by another master: start it from a join card',
};
