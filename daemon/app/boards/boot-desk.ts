/** What the installer is told: the meeting of the boot endpoints, admission and images. */
import { type DeviceId, type Ipv4, type Mac, type Millis, parseIpv4, seconds } from '../../../config/values.ts';
import { isInstalled } from '../../boot/offer.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { BootClaim } from '../../http/claim.ts';
import type { BootDeps, BootInstruction, SectorsPayload } from '../../http/endpoints/boot.ts';
import { isBootProof } from '../../http/proof.ts';
import type { HttpClient } from '../../http/router.ts';
import type { BoardReport, Device } from '../../lifecycle/device.ts';
import { explain } from '../../lifecycle/explain.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import { wouldLose } from '../../lifecycle/transition.ts';
import type { ByteSource, Clock, Random } from '../../ports.ts';
import type { HearAddress } from '../network/heard-addresses.ts';

export type BootDeskDeps = {
  readonly runner: Runner;
  readonly timelines: Timelines;
  readonly clock: Clock;
  readonly random: Random;
  readonly clusterKey: Uint8Array;
  /** Where nobody else gives addresses every board has the one that we gave it; beside a router it may have the router's. */
  readonly addressesAreOurs: () => boolean;
  /**
   * Who answers for this address on our link; undefined if nobody does. What a board is told, and its sectors above all, is
   * for the hardware address that was sighted, and everybody on the LAN can write another one into a form.
   */
  readonly hardwareAddressOf: (address: Ipv4) => Promise<Mac | undefined>;
  /** The board speaks from this address. */
  readonly onHeard: HearAddress;
  /** Settles at the next change of the board, or after `limit`. */
  readonly nextChange: (id: DeviceId, limit: Millis) => Promise<void>;
  readonly images: {
    readonly openBase: (sha256: string) => Promise<ByteSource | undefined>;
    readonly baseOf: (device: Device) => Promise<{ readonly sha256: string; readonly bytes: number } | undefined>;
    readonly sectorsOf: (device: Device) => Promise<SectorsPayload | undefined>;
  };
  readonly onProgress: (device: Device, bytes: number) => Promise<void>;
  /** Whether it would be accepted by itself if it were decided about now. */
  readonly isAcceptable: (device: Device, report: BoardReport) => boolean;
};

export type BootDesk = BootDeps & {
  /** A board that is gone, and with it what it was asked and has shown. */
  readonly forget: (id: DeviceId) => void;
};

/** How long the installer sleeps between two questions (design: a later acceptance needs no power cycle). */
const RETRY = seconds(2);
/** A decision and an image take milliseconds: the answer waits for them rather than cost the board two seconds. */
const PATIENCE = seconds(5);

export function bootDesk(deps: BootDeskDeps): BootDesk {
  const { runner, timelines, clock, images } = deps;
  /** Asked for and not yet used; one a board, so there are never more than boards. */
  const nonces = new Map<DeviceId, string>();
  /** Boards that have shown since our start that they know the cluster key, and as whom. */
  const proven = new Map<DeviceId, string>();

  async function report(claim: BootClaim, client: HttpClient): Promise<BootInstruction> {
    const device = runner.fleet.byMac(claim.mac);
    if (device === undefined) return wait('unknown', 'no DHCP message of this board was seen yet');
    const stranger = await strangeness(device, client);
    if (stranger !== undefined) return wait('unknown', stranger);
    timelines.mark(device.id, clock.now(), 'installer reports');
    const nonce = settleProof(device, claim);
    if (nonce !== undefined) return { ...wait(device.state.name, 'prove the cluster key'), nonce };
    const board: BoardReport = {
      mac: claim.mac,
      serial: claim.serial,
      model: claim.model,
      disk: { name: '', type: 'other', model: '', ...claim.disk },
      memoryBytes: claim.memoryBytes,
      source: claim.source,
      proof: proven.get(device.id) === identityOf(claim),
    };
    return decided(device, board);
  }

  async function decided(known: Device, board: BoardReport): Promise<BootInstruction> {
    const { id } = known;
    // What it waited for has come: nobody knew yet whose network this is, or too many came within an hour.
    const again = known.state.name === 'pending' && deps.isAcceptable(known, board);
    const event = { event: 'installer-reported', report: board, ...(again && { again }) } as const;
    await runner.dispatch(id, event);
    const device = await settled(id);
    // Decided while this very report was on its way, about another one: it is asked for again, not carried out.
    if (device?.state.name !== 'installing' || !wouldLose(device.state.report, board)) return instruction(device);
    await runner.dispatch(id, event);
    return instruction(await settled(id));
  }

  /** The nonce to answer with, if the board is to prove the key first. */
  function settleProof(device: Device, claim: BootClaim): string | undefined {
    const { mac, serial, proof, source } = claim;
    if (source !== 'join-card' || proven.get(device.id) === identityOf(claim)) return undefined;
    const asked = nonces.get(device.id);
    if (proof === undefined || asked === undefined) {
      const nonce = Buffer.from(deps.random.bytes(16)).toString('hex');
      nonces.set(device.id, nonce);
      return nonce;
    }
    nonces.delete(device.id);
    // A wrong proof is no proof: it is then a board like any other.
    if (isBootProof(deps.clusterKey, { nonce: asked, mac, serial }, proof)) proven.set(device.id, identityOf(claim));
    return undefined;
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

  async function instruction(device: Device | undefined): Promise<BootInstruction> {
    if (device === undefined) return wait('unknown', 'this board was forgotten');
    const { state } = device;
    const message = explain(device);
    switch (state.name) {
      case 'installing': {
        const base = await images.baseOf(device);
        if (base === undefined) return wait(state.name, 'its base image is not there any more');
        return { action: 'install', state: state.name, message, arming: state.arming, base };
      }
      case 'starting':
      case 'joining':
      case 'ready':
      case 'unreachable':
        return { action: 'boot', state: state.name, message };
      case 'rejected':
        return { action: 'stop', state: state.name, message };
      case 'failed':
        return state.resume.at === 'install'
          ? wait(state.name, message)
          : { action: 'boot', state: state.name, message };
      case 'seen':
      case 'booting':
      case 'reported':
      case 'pending':
      case 'accepted':
      case 'held':
        return wait(state.name, message);
    }
  }

  async function macOf({ address }: HttpClient): Promise<Mac | undefined> {
    const parsed = parseIpv4(address);
    if (!parsed.ok) return undefined;
    const mac = await deps.hardwareAddressOf(parsed.value);
    const device = mac && runner.fleet.byMac(mac);
    if (device !== undefined) deps.onHeard(device, parsed.value);
    return mac;
  }

  /** Why this client cannot be that board; undefined if it may be. */
  async function strangeness(device: Device, client: HttpClient): Promise<string | undefined> {
    if (deps.addressesAreOurs() && device.addressing === 'reserved' && client.address !== device.address)
      return `this address is not ${device.address}, which is this board's`;
    const mac = await macOf(client);
    if (mac === undefined) return 'nobody on this network answers for this address';
    return device.macs.includes(mac) ? undefined : `this comes from ${mac}, which is not this board`;
  }

  async function armed(arming: string, client: HttpClient): Promise<Device | undefined> {
    const device = runner.fleet.byArming(arming);
    return device !== undefined && (await strangeness(device, client)) === undefined ? device : undefined;
  }

  async function sectors(arming: string, client: HttpClient): Promise<SectorsPayload | undefined> {
    const device = await armed(arming, client);
    return device && images.sectorsOf(device);
  }

  async function progress(arming: string, bytes: number, client: HttpClient): Promise<boolean> {
    const device = await armed(arming, client);
    if (device === undefined) return false;
    timelines.mark(device.id, clock.now(), 'writes its image');
    await deps.onProgress(device, bytes);
    return true;
  }

  async function installed(arming: string, sha256: string, client: HttpClient): Promise<boolean> {
    const device = await armed(arming, client);
    if (device === undefined) {
      // It says so again because our first answer was lost.
      const mac = await macOf(client);
      const told = mac && runner.fleet.byMac(mac);
      return told !== undefined && isInstalled(told);
    }
    const base = await images.baseOf(device);
    const code = 'BASE_DIFFERS';
    const detail = 'what was read back from the disk is not the base image that was served';
    if (base?.sha256 !== sha256) await runner.dispatch(device.id, { event: 'install-failed', code, detail });
    else await runner.dispatch(device.id, { event: 'installed' });
    return base?.sha256 === sha256;
  }

  async function failed(arming: string, code: string, detail: string, client: HttpClient): Promise<boolean> {
    const device = await armed(arming, client);
    if (device === undefined) return false;
    await runner.dispatch(device.id, { event: 'install-failed', code, detail });
    return true;
  }

  function forget(id: DeviceId): void {
    nonces.delete(id);
    proven.delete(id);
  }

  return { report, openBase: images.openBase, sectors, progress, installed, failed, forget };
}

/** What a proof is for (`bootProof`): whoever says to be somebody else has to show it again. */
const identityOf = ({ mac, serial }: BootClaim): string => `${mac}|${serial ?? ''}`;

const wait = (state: string, message: string) => ({ action: 'wait', state, message, retry: RETRY }) as const;
