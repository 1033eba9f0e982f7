/** What the responder and the browser need of a multicast socket: types only. `server-link.ts` has the real one. */
import type { Destination, Packet } from 'multicast-dns';
import type { Ipv4 } from '../../config/values.ts';
import type { Endpoint, Log } from '../ports.ts';
import type { Count } from '../traffic/counts.ts';
import type { Gate } from '../traffic/gate.ts';

export type MdnsLink = {
  /** `null`: to the group. Never rejects; what cannot be sent is logged. */
  readonly send: (packet: Packet, to: Destination | null) => Promise<void>;
  /**
   * Joins the group on the interface with this address, and speaks from there. `joined`: was not in it before; `unable`: no
   * interface has the address now. Costs one system call when nothing has changed: to be called again and again.
   */
  readonly join: (address: Ipv4) => 'joined' | 'member' | 'unable';
  /** Leaves the group as it was joined at this address; errors are no matter. */
  readonly leave: (address: Ipv4) => void;
  readonly close: () => Promise<void>;
};

export type OpenMdnsLink = (options: {
  /** A socket on port 5353 that a launcher bound to the device. */
  readonly fd?: number;
  /** `0.0.0.0` hears unicast too; on the group's own address another program on this port keeps its unicast. */
  readonly bind: '0.0.0.0' | '224.0.0.251';
  readonly log: Log;
  /** Whether this host is listened to now, before anything is decoded. Default: all are. */
  readonly admit?: Gate<Ipv4>;
  /** Is told of what does not get as far as `onPacket`. */
  readonly count?: Count;
  readonly onPacket: (packet: Packet, from: Endpoint) => void;
  /** Once, when it is bound. */
  readonly onReady: () => void;
  /** The port could not be had; nothing more comes. */
  readonly onFailed: (cause: Error) => void;
}) => MdnsLink;
