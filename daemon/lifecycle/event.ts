/** Everything that can happen to one board. Edges make these from packets, requests, API objects and effects' ends. */
import type { Instant, Ipv4, Mac, Model, Serial } from '../../config/values.ts';
import type { BoardReport, Place } from './device.ts';

export type LifecycleEvent =
  /** A DHCP message of its boot ROM, its installer or its system. */
  | { readonly event: 'dhcp-seen'; readonly mac: Mac; readonly serial?: Serial; readonly model?: Model }
  /** A boot file was asked for and served. */
  | { readonly event: 'boot-file-served'; readonly file: string; readonly serial?: Serial }
  /** Beside a router: it asked for this address, or spoke from it. */
  | { readonly event: 'address-heard'; readonly address: Ipv4 }
  /** Another board was heard to have it. */
  | { readonly event: 'address-lost'; readonly address: Ipv4 }
  /**
   * `again`: a board that waits would be decided about differently now, though it says the same. `emptied`: none of its disks
   * holds a system of this board, and the one that may be written nothing that could be lost.
   */
  | {
      readonly event: 'installer-reported';
      readonly report: BoardReport;
      readonly again?: boolean;
      readonly emptied?: boolean;
    }
  | { readonly event: 'admission-decided'; readonly verdict: Verdict }
  | { readonly event: 'accept-requested'; readonly by: string }
  /** It runs a system of its own that lets us in. */
  | { readonly event: 'adopt-requested'; readonly by: string }
  | { readonly event: 'adopted' }
  | { readonly event: 'first-login-failed'; readonly code: string; readonly detail: string }
  | { readonly event: 'reject-requested'; readonly by: string }
  | { readonly event: 'retry-requested'; readonly by: string }
  | { readonly event: 'reinstall-requested'; readonly by: string }
  | { readonly event: 'leave-requested'; readonly by: string }
  | { readonly event: 'forget-requested'; readonly by: string }
  /** Another board takes its place, which is `was`. */
  | { readonly event: 'replace-requested'; readonly by: string; readonly was: Place }
  /** `arming`: the nonce that this one wipe is tied to. */
  | { readonly event: 'wipe-requested'; readonly by: string; readonly arming: string }
  /** The owner gave it name and address before anything was heard of it. */
  | { readonly event: 'expected'; readonly by: string }
  /** An image of it was made for a card, which somebody will put in. */
  | { readonly event: 'card-made'; readonly by: string }
  | { readonly event: 'image-made'; readonly arming: string }
  | { readonly event: 'image-failed'; readonly code: string; readonly detail: string }
  /** Its installer got on, which it tells each second; this is every few minutes. `percent` is there by now. */
  | { readonly event: 'install-progressed'; readonly percent: number }
  | { readonly event: 'installed' }
  | { readonly event: 'install-failed'; readonly code: string; readonly detail: string }
  /** The installer is on the board's own boot partition, and the board was told to restart. */
  | { readonly event: 'installer-started' }
  | { readonly event: 'installer-start-failed'; readonly code: string; readonly detail: string }
  /** Nothing of ours is on its disk any more. */
  | { readonly event: 'wiped' }
  /** The board's sshd answered with the host key of its image. `mac`: of whoever answered, where that was not known. */
  | { readonly event: 'ssh-answered'; readonly mac?: Mac }
  | { readonly event: 'ssh-failed'; readonly code: string; readonly detail: string }
  /** `output`: the last words of the program on the board that failed. */
  | { readonly event: 'join-failed'; readonly code: string; readonly detail: string; readonly output?: string }
  /** Whoever answers at its address shows a host key that is not its own. Nothing was sent. */
  | { readonly event: 'host-key-changed'; readonly detail: string }
  /** It is worth asking the cluster again. */
  | { readonly event: 'cluster-answered' }
  /** Its system was started anew, and what joins it to the cluster does not start by itself (kube-config). */
  | { readonly event: 'cluster-programs-gone' }
  /** Its boot ROM asked for a boot, was sent to its disk, and asked again: `rounds` times in a row. */
  | { readonly event: 'local-boot-failed'; readonly rounds: number }
  /** Its firmware asks its disk before the network from now on; boot orders as the firmware writes them (`0xf21`). */
  | { readonly event: 'boot-order-corrected'; readonly from: string; readonly to: string }
  /** `keep`: until the owner takes it back; otherwise it is a step of a shutdown. */
  | {
      readonly event: 'drain-requested';
      readonly by: string;
      readonly keep: boolean;
      readonly force: boolean;
      readonly deleteData: boolean;
    }
  /** `left`: pods that have not gone yet; `waits`: for what, in words. */
  | { readonly event: 'drain-progressed'; readonly left: number; readonly waits?: string }
  | { readonly event: 'drained' }
  | { readonly event: 'uncordon-requested'; readonly by: string }
  /** The whole cluster is to be shut down. */
  | { readonly event: 'shutdown-planned'; readonly by: string }
  /** It is its turn. `boot`: the boot that its Node tells of. */
  | { readonly event: 'shutdown-requested'; readonly by: string; readonly boot?: string }
  | { readonly event: 'stop-failed'; readonly code: string; readonly detail: string }
  /** Nothing was heard of it for a while after that. `power`: why its power could not be switched off. */
  | { readonly event: 'stopped'; readonly power?: string }
  | { readonly event: 'startup-requested'; readonly by: string }
  /** From the watch on Nodes. */
  | { readonly event: 'node-ready' }
  | { readonly event: 'node-not-ready' }
  | { readonly event: 'node-deleted' }
  /** It is held gone by `signs`, in words: its Node is being fenced. */
  | { readonly event: 'node-gone'; readonly signs: string }
  /** So many pods of its fenced Node must never run twice; 0: there are none any more. */
  | { readonly event: 'proof-wanted'; readonly pods: number }
  /** It is off, as `by` showed or says. */
  | { readonly event: 'proof-given'; readonly by: string }
  | { readonly event: 'quarantine-released' }
  /** Node and token of a board that is to be out of the cluster are gone. */
  | { readonly event: 'left' }
  /** Another host on the LAN answers to the board's name. `by`: its address, as far as that is known. */
  | { readonly event: 'name-conflict'; readonly by: string }
  | { readonly event: 'name-conflict-over' }
  /** Another board has its serial number or hardware address, or says so. `by`: what is known of that one, in words. */
  | { readonly event: 'rival-seen'; readonly by: string }
  /** A Node that is not the one that we joined uses its name, address or label. `why`: in words. */
  | { readonly event: 'node-suspected'; readonly node: string; readonly why: string }
  /** Of the state that the board came into at `since`. */
  | { readonly event: 'deadline-passed'; readonly since: Instant };

export type EventName = LifecycleEvent['event'];

export type Verdict =
  | { readonly verdict: 'accept'; readonly by: string }
  | { readonly verdict: 'wait'; readonly reason: string }
  | { readonly verdict: 'hold'; readonly reason: string };
