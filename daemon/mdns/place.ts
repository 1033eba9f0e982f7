/** Where a responder or a browser stands: types only. */
import type { Ipv4, Subnet } from '../../config/values.ts';

export type MdnsPlace = {
  readonly interfaceAddress: Ipv4;
  /**
   * Of that interface. A socket on 0.0.0.0 hears the groups that other programs joined on other interfaces, too; what comes
   * from outside is dropped.
   */
  readonly subnet?: Subnet;
};

/** What this machine knows of itself. */
export type MdnsSelf = {
  /** Is this an address of this machine, on whatever interface? What comes from there is our own word. */
  readonly isOwn?: (address: Ipv4) => boolean;
  /** Another number each time the cable goes out or in. */
  readonly linkChanges?: () => Promise<number | undefined>;
};
