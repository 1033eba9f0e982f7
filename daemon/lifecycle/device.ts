/** One board as bramble knows it. This is what is on disk; everything that can be observed again is left out. */
import type { DeviceId, DiskType, Hostname, Instant, Ipv4, Mac, Model, Serial } from '../../config/values.ts';

export type Device = Addressing & {
  readonly id: DeviceId;
  /** Permanent. */
  readonly name: Hostname;
  /** Every hardware address and serial it was seen with, first one first. */
  readonly macs: readonly Mac[];
  readonly serials: readonly Serial[];
  readonly model: ModelEvidence | undefined;
  readonly firstSeen: Instant;
  readonly state: DeviceState;
  /** When it came into this state. */
  readonly since: Instant;
  /** When `deadline-passed` is due by the clock that `since` was read from, if this state does not last for ever. */
  readonly deadline: Instant | undefined;
};

/**
 * Where addresses are ours a board's is permanent, like its name: reserved at first sighting (a Pi 3 never sends a REQUEST).
 * Where the router gives them it is the one that the board was last heard to have, and undefined until then.
 */
export type Addressing =
  | { readonly addressing: 'reserved'; readonly address: Ipv4 }
  | { readonly addressing: 'heard'; readonly address: Ipv4 | undefined };

/** A claim by the boot ROM, until the installer read it from the board's device tree. */
export type ModelEvidence = { readonly model: Model; readonly final: boolean };

/** What the user sees: this state, why, since when. The order is the order of a board's life. */
export type DeviceState =
  /** It asked for an address. */
  | { readonly name: 'seen' }
  /** It fetches boot files. */
  | { readonly name: 'booting' }
  /** The installer runs on it and told what the board is; admission is being decided. */
  | { readonly name: 'reported'; readonly report: BoardReport }
  /** The owner has to decide. */
  | { readonly name: 'pending'; readonly report: BoardReport; readonly reason: string }
  /** It is ours; its image is being made. */
  | { readonly name: 'accepted'; readonly report: BoardReport; readonly by: string }
  /** Its image is ready and may be written: `arming` is the nonce that this one installation is tied to. */
  | { readonly name: 'installing'; readonly report: BoardReport; readonly arming: string }
  /** The image is on its disk; it starts from there. */
  | { readonly name: 'starting' }
  /** Its sshd answered with the host key we made; it is being joined. */
  | { readonly name: 'joining'; readonly attempt: number }
  /** Its Node is Ready. `quarantined` until our taint is off and its token deleted. */
  | { readonly name: 'ready'; readonly quarantined: boolean }
  /** Its Node was Ready and is not any more. */
  | { readonly name: 'unreachable' }
  /** It gets an address and nothing else: something speaks against touching it. */
  | { readonly name: 'held'; readonly reason: string }
  /** The owner said no. */
  | { readonly name: 'rejected'; readonly by: string /** Its Node and token are gone. */; readonly left: boolean }
  /** A step did not work; `resume` is where `bramble retry` goes on. */
  | { readonly name: 'failed'; readonly code: string; readonly detail: string; readonly resume: ResumePoint };

/** Where a failed board goes on. The report is kept, so that a decision once made about the board is not asked for again. */
export type ResumePoint =
  | { readonly at: 'install'; readonly report: BoardReport }
  | { readonly at: 'start' }
  | { readonly at: 'join' };

export type StateName = DeviceState['name'];

/** What the installer found on the board. All of it is a claim; `proof` was checked by the edge. */
export type BoardReport = {
  readonly mac: Mac;
  readonly serial: Serial | undefined;
  readonly model: Model | undefined;
  /** The one that may be written (`chooseDisk`). */
  readonly disk: DiskReport;
  readonly memoryBytes: number;
  /** What its installer was started from. `reinstall`: from its own boot partition, where we put it. */
  readonly source: 'netboot' | 'join-card' | 'reinstall';
  /** It knew the cluster key of our join card: HMAC-SHA-256 over our nonce. The key of a netboot is no such proof. */
  readonly proof: boolean;
};

export type DiskReport = {
  /** The kernel's: `mmcblk0`. Another one after the next start, perhaps. Empty with content `none`. */
  readonly name: string;
  readonly type: DiskType;
  /** What it calls itself; printable, 64 characters at most, may be empty. */
  readonly model: string;
  readonly bytes: number;
  /** `blank`: no partition table and zeros; `empty`: factory-formatted, no files; `ours`: carries our mark; else `foreign`. */
  readonly content: 'blank' | 'empty' | 'ours' | 'foreign' | 'none';
};

/** One disk in two reports, as far as can be told: kernels hand out names anew at each start. */
export const sameDisk = (a: DiskReport, b: DiskReport): boolean =>
  a.bytes === b.bytes && a.type === b.type && a.model === b.model;
