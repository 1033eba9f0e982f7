/** Who is it that speaks as a board: by the hardware address on the wire, and by a key. */
import { type DeviceId, type Ipv4, type Mac, parseIpv4 } from '../../../config/values.ts';
import type { BootClaim } from '../../http/claim.ts';
import { bootKey, isBootProof } from '../../http/proof.ts';
import type { HttpClient } from '../../http/router.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';
import type { Random } from '../../ports.ts';
import type { HearAddress } from '../network/heard-addresses.ts';

export type BootClientsDeps = {
  readonly fleet: () => Fleet;
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
};

/** `ask`: it has to prove its key first, for this nonce. */
export type Standing = { readonly proven: true } | { readonly proven: false; readonly ask: string | undefined };

export type BootClients = {
  /** Which board's hardware address the client has. */
  readonly boardOf: (client: HttpClient) => Promise<Device | undefined>;
  /** Why this client cannot be that board; undefined if it may be. */
  readonly strangeness: (device: Device, client: HttpClient) => Promise<string | undefined>;
  /** The board of this arming, if the client is it. */
  readonly armed: (arming: string, client: HttpClient) => Promise<Device | undefined>;
  /** Whether the claim was shown to come from somebody who knows the key; a wrong proof is asked for no second time. */
  readonly prove: (device: Device, claim: BootClaim) => Standing;
  /** What a board that was started from this knows. */
  readonly keyOf: (claim: Pick<BootClaim, 'mac' | 'source'>) => Uint8Array;
  readonly forget: (id: DeviceId) => void;
};

export function bootClients(deps: BootClientsDeps): BootClients {
  const { fleet, clusterKey } = deps;
  /** Asked for and not yet used; one a board, so there are never more than boards. */
  const nonces = new Map<DeviceId, string>();
  /** Boards that have shown since our start that they know their key, and as whom. */
  const proven = new Map<DeviceId, string>();

  const keyOf: BootClients['keyOf'] = ({ mac, source }) =>
    source === 'join-card' ? clusterKey : bootKey(clusterKey, mac);

  function prove(device: Device, claim: BootClaim): Standing {
    const { mac, serial, proof } = claim;
    if (proven.get(device.id) === identityOf(claim)) return { proven: true };
    const asked = nonces.get(device.id);
    if (proof === undefined || asked === undefined) {
      const nonce = Buffer.from(deps.random.bytes(16)).toString('hex');
      nonces.set(device.id, nonce);
      return { proven: false, ask: nonce };
    }
    nonces.delete(device.id);
    if (!isBootProof(keyOf(claim), { nonce: asked, mac, serial }, proof)) return { proven: false, ask: undefined };
    proven.set(device.id, identityOf(claim));
    return { proven: true };
  }

  async function macOf({ address }: HttpClient): Promise<Mac | undefined> {
    const parsed = parseIpv4(address);
    if (!parsed.ok) return undefined;
    const mac = await deps.hardwareAddressOf(parsed.value);
    const device = mac && fleet().byMac(mac);
    if (device !== undefined) deps.onHeard(device, parsed.value);
    return mac;
  }

  async function boardOf(client: HttpClient): Promise<Device | undefined> {
    const mac = await macOf(client);
    return mac && fleet().byMac(mac);
  }

  /** From its own address; or from the one that it had until it took the place of the board that has it now. */
  function speaksFrom(from: string, { address, name }: Device): boolean {
    if (from === address) return true;
    const parsed = parseIpv4(from);
    const state = parsed.ok ? fleet().byAddress(parsed.value)?.state : undefined;
    return state?.name === 'replaced' && state.was.name === name;
  }

  async function strangeness(device: Device, client: HttpClient): Promise<string | undefined> {
    if (deps.addressesAreOurs() && device.addressing === 'reserved' && !speaksFrom(client.address, device))
      return `this address is not ${device.address}, which is this board's`;
    const mac = await macOf(client);
    if (mac === undefined) return 'nobody on this network answers for this address';
    return device.macs.includes(mac) ? undefined : `this comes from ${mac}, which is not this board`;
  }

  async function armed(arming: string, client: HttpClient): Promise<Device | undefined> {
    const device = fleet().byArming(arming);
    return device !== undefined && (await strangeness(device, client)) === undefined ? device : undefined;
  }

  function forget(id: DeviceId): void {
    nonces.delete(id);
    proven.delete(id);
  }

  return { boardOf, strangeness, armed, prove, keyOf, forget };
}

/** What a proof is for (`bootProof`): whoever says to be somebody else has to show it again. */
const identityOf = ({ mac, serial, source }: BootClaim): string => `${source}|${mac}|${serial ?? ''}`;
