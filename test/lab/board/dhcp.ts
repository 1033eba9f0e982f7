/** A boot ROM's half of DHCP (RFC 2131), byte for byte as captured. Pure. */

import { err, ok, type Result } from '../../../config/result.ts';
import { type Ipv4, ipv4Bytes, ipv4FromBytes, macBytes, parseIpv4 } from '../../../config/values.ts';
import { type BoardModel, type Identity, modelTable, option97Of } from './models.ts';

const cookie = [0x63, 0x82, 0x53, 0x63];
const vendorClass = Buffer.from('PXEClient:Arch:00000:UNDI:002001', 'ascii');
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const option = (code: number, value: Uint8Array): Uint8Array => Uint8Array.of(code, value.length, ...value);

/** The transaction id of every Pi 3 at every boot. */
export const romXid = 0x26f30339;

function bootRequest(
  identity: Identity,
  xid: number,
  siaddr: Ipv4 | undefined,
  options: readonly Uint8Array[],
): Uint8Array {
  const header = new Uint8Array(236);
  header.set([1, 1, 6, 0, (xid >>> 24) & 255, (xid >>> 16) & 255, (xid >>> 8) & 255, xid & 255]);
  if (siaddr !== undefined) header.set(ipv4Bytes(siaddr), 20);
  header.set(macBytes(identity.mac), 28);
  return Uint8Array.from([...header, ...cookie, ...options.flatMap((part) => [...part]), 255]);
}

export function buildDiscover(identity: Identity, xid: number): Uint8Array {
  const { dhcp, revision } = modelTable[identity.model];
  const parts = {
    '60': option(60, vendorClass),
    '93': hex('5d020000'),
    '94': hex('5e03010201'),
    '97': option(97, option97Of(identity, revision, dhcp.option97)),
  };
  const start = [hex('350101'), option(55, hex(dhcp.option55))];
  return bootRequest(identity, xid, undefined, [...start, ...dhcp.order.map((code) => parts[code])]);
}

/** As the Pi 400's capture: no option 55, siaddr filled with the chosen server's, the DISCOVER's xid. */
export function buildRequest(identity: Identity, xid: number, lease: Lease): Uint8Array {
  const { dhcp, revision } = modelTable[identity.model];
  return bootRequest(identity, xid, lease.siaddr, [
    hex('350103'),
    option(50, ipv4Bytes(lease.address)),
    option(54, ipv4Bytes(lease.server)),
    option(60, vendorClass),
    option(97, option97Of(identity, revision, dhcp.option97)),
  ]);
}

export type Reply = {
  readonly xid: number;
  readonly chaddr: string;
  readonly type: 'offer' | 'ack' | 'nak' | 'other';
  readonly yiaddr: Ipv4 | undefined;
  readonly siaddr: Ipv4 | undefined;
  readonly options: ReadonlyMap<number, Uint8Array>;
};

const replyTypes: Readonly<Record<number, Reply['type']>> = { 2: 'offer', 5: 'ack', 6: 'nak' };

const addressAt = (bytes: Uint8Array | undefined): Ipv4 | undefined => {
  const parsed = bytes === undefined ? undefined : ipv4FromBytes(bytes);
  return parsed?.ok === true && parsed.value !== '0.0.0.0' ? parsed.value : undefined;
};

/** `undefined` for anything that is not a whole BOOTREPLY with options. */
export function parseReply(payload: Uint8Array): Reply | undefined {
  if (payload.length < 241 || payload[0] !== 2 || cookie.some((byte, index) => payload[236 + index] !== byte)) return;
  const options = new Map<number, Uint8Array>();
  for (let at = 240; at < payload.length && payload[at] !== 255; ) {
    const code = payload[at] ?? 0;
    const length = payload[at + 1];
    if (code === 0) at += 1;
    else if (length === undefined || at + 2 + length > payload.length) return;
    else {
      options.set(code, payload.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return {
    xid: new DataView(payload.buffer, payload.byteOffset).getUint32(4),
    chaddr: Buffer.from(payload.slice(28, 34)).toString('hex'),
    type: replyTypes[options.get(53)?.[0] ?? 0] ?? 'other',
    yiaddr: addressAt(payload.slice(16, 20)),
    siaddr: addressAt(payload.slice(20, 24)),
    options,
  };
}

/** What the firmware goes on with: its address, and where it fetches files. */
export type Lease = {
  readonly address: Ipv4;
  readonly mask: Ipv4 | undefined;
  readonly server: Ipv4;
  readonly siaddr: Ipv4 | undefined;
  readonly tftp: Ipv4;
};

const menuText = 'Raspberry Pi Boot';
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1');

/** Option 66 counts only as an ASCII dotted quad; four binary bytes are refused. */
function tftpName(reply: Reply): Ipv4 | undefined {
  const parsed = parseIpv4(text(reply.options.get(66)).replace(/\0$/, ''));
  return parsed.ok ? parsed.value : undefined;
}

/** Whether this reply names a boot server in the way this model wants, and which one; else the reason why it does not. */
export function bootServer(model: BoardModel, reply: Reply): Result<Ipv4, string> {
  const menu = text(reply.options.get(43));
  const server = addressAt(reply.options.get(54));
  const found = (address: Ipv4 | undefined): Result<Ipv4, string> => (address ? ok(address) : err('no server address'));
  switch (model) {
    case 'pi3':
      // Quirk: the ROM counts three bytes too few, so the text needs three spaces (raw text without TLV works too). The
      // files must come from the DHCP server itself; siaddr and option 66 are not looked at.
      if (menu.includes(`${menuText}   `) || menu === menuText) return found(server);
      return err('option 43 lacks "Raspberry Pi Boot" with three spaces');
    case 'pi3b+':
      return menu.includes(menuText) ? found(reply.siaddr ?? server) : err('option 43 lacks "Raspberry Pi Boot"');
    case 'pi4':
      if (menu.includes(menuText) || tftpName(reply)) return found(reply.siaddr ?? tftpName(reply) ?? server);
      return err('neither "Raspberry Pi Boot" in option 43 nor a dotted quad in option 66');
    case 'pi5':
      // Quirk: `06 01 03 ff` was enough on a 2026-05 EEPROM; without any option 43 it asks for ever.
      return reply.options.has(43) ? found(reply.siaddr ?? server) : err('no option 43');
  }
}

/**
 * One lease out of the OFFERs of one round: the address of one server and, where a proxy answered, the boot server of
 * another. `undefined`, with the reason, as long as something is missing.
 */
export function chooseOffer(model: BoardModel, offers: readonly Reply[]): Result<Lease, string> {
  const addressed = offers.find((offer) => offer.yiaddr !== undefined && offer.options.has(54));
  if (addressed?.yiaddr === undefined) return err('no OFFER with an address');
  let reason = '';
  for (const offer of [addressed, ...offers]) {
    const tftp = bootServer(model, offer);
    const server = addressAt(addressed.options.get(54));
    if (tftp.ok && server !== undefined) {
      return ok({
        address: addressed.yiaddr,
        mask: addressAt(addressed.options.get(1)),
        server,
        siaddr: addressed.siaddr,
        tftp: tftp.value,
      });
    }
    if (!tftp.ok) reason = tftp.error;
  }
  return err(reason);
}
