/** Everything that can happen to one board. Edges make these from packets, requests, API objects and effects' ends. */
import type { Instant, Ipv4, Mac, Model, Serial } from '../../config/values.ts';
import type { BoardReport } from './device.ts';

export type LifecycleEvent =
  /** A DHCP message of its boot ROM, its installer or its system. */
  | { readonly event: 'dhcp-seen'; readonly mac: Mac; readonly serial?: Serial; readonly model?: Model }
  /** A boot file was asked for and served. */
  | { readonly event: 'boot-file-served'; readonly file: string; readonly serial?: Serial }
  /** Beside a router: it asked for this address, or spoke from it. */
  | { readonly event: 'address-heard'; readonly address: Ipv4 }
  /** Another board was heard to have it. */
  | { readonly event: 'address-lost'; readonly address: Ipv4 }
  /** `again`: a board that waits would be decided about differently now, though it says the same. */
  | { readonly event: 'installer-reported'; readonly report: BoardReport; readonly again?: boolean }
  | { readonly event: 'admission-decided'; readonly verdict: Verdict }
  | { readonly event: 'accept-requested'; readonly by: string }
  | { readonly event: 'reject-requested'; readonly by: string }
  | { readonly event: 'retry-requested'; readonly by: string }
  | { readonly event: 'image-made'; readonly arming: string }
  | { readonly event: 'image-failed'; readonly code: string; readonly detail: string }
  | { readonly event: 'installed' }
  | { readonly event: 'install-failed'; readonly code: string; readonly detail: string }
  /** The board's sshd answered with the host key of its image. */
  | { readonly event: 'ssh-answered' }
  | { readonly event: 'ssh-failed'; readonly code: string; readonly detail: string }
  | { readonly event: 'join-failed'; readonly code: string; readonly detail: string }
  /** From the watch on Nodes. */
  | { readonly event: 'node-ready' }
  | { readonly event: 'node-not-ready' }
  | { readonly event: 'node-deleted' }
  | { readonly event: 'quarantine-released' }
  /** Node and token of a rejected board are gone. */
  | { readonly event: 'left' }
  /** Another host on the LAN answers to the board's name. `by`: its address, as far as that is known. */
  | { readonly event: 'name-conflict'; readonly by: string }
  | { readonly event: 'name-conflict-over' }
  /** Of the state that the board came into at `since`. */
  | { readonly event: 'deadline-passed'; readonly since: Instant };

export type EventName = LifecycleEvent['event'];

export type Verdict =
  | { readonly verdict: 'accept'; readonly by: string }
  | { readonly verdict: 'wait'; readonly reason: string }
  | { readonly verdict: 'hold'; readonly reason: string };
