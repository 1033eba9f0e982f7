/** One board as bramble knows it. This is what is on disk; everything that can be observed again is left out. */
import type { DeviceId, DiskType, Hostname, Instant, Ipv4, Mac, Model, Serial } from '../../config/values.ts';

export type Device = Addressing & {
  readonly id: DeviceId;
  /** Permanent, but for a board that takes another one's place, and for that one. */
  readonly name: Hostname;
  /** Every hardware address and serial it was seen with, first one first; before it the one that showed our host key. */
  readonly macs: readonly Mac[];
  readonly serials: readonly Serial[];
  readonly model: ModelEvidence | undefined;
  /** The one that its system was last written to, by its installer; undefined also for a card, which may be in any board. */
  readonly disk: DiskReport | undefined;
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
  /** It runs a system that somebody flashed, with the login of its image: our keys are being put there (`join.firstLogin`). */
  | { readonly name: 'adopting'; readonly by: string }
  /** The owner has to decide. */
  | { readonly name: 'pending'; readonly report: BoardReport; readonly reason: string }
  /** It is ours; its image is being made. */
  | { readonly name: 'accepted'; readonly report: BoardReport; readonly by: string; readonly earlier?: Earlier }
  /** Its image is ready and may be written: `arming` is the nonce that this one installation is tied to. */
  | { readonly name: 'installing'; readonly report: BoardReport; readonly arming: string; readonly earlier?: Earlier }
  /** The image is on its disk; it starts from there. `card`: on one that was made for it, and that somebody has to put in. */
  | { readonly name: 'starting'; readonly card?: true }
  /** Its sshd answered with the host key we made; it is being joined. `waits`: for the cluster, which says this; no attempt is lost. */
  | { readonly name: 'joining'; readonly attempt: number; readonly waits?: string }
  /** Its Node is Ready. `quarantined` until our taint is off and its token deleted. */
  | { readonly name: 'ready'; readonly quarantined: boolean }
  /**
   * Its Node was Ready and is not any more. `signs`: it is held gone by these, in words, and its Node is fenced. `proof`: who showed
   * that it is off; then its pods that must never run twice are let go of, too.
   */
  | { readonly name: 'unreachable'; readonly signs?: string; readonly proof?: string }
  /** It is held gone, and so many pods of its Node must never run twice: somebody has to make sure that it is off. */
  | { readonly name: 'waiting-for-proof'; readonly signs: string; readonly pods: number }
  /** It stays in the cluster and gets no new pods, on the owner's word. `keep`: also after it was off, until he takes that back. */
  | { readonly name: 'draining'; readonly by: string; readonly keep: boolean; readonly work: DrainStep }
  /**
   * Switched off on purpose. Once its Node is Ready again it works as before. `boot`: of the Node when it was told to go; `away`: the
   * Node was seen not Ready since. `power`: why its power is still on, where that was to be switched, too.
   */
  | {
      readonly name: 'stopped';
      readonly by: string;
      readonly keep: boolean;
      readonly boot?: string;
      readonly away: boolean;
      readonly power?: string;
    }
  /** It asked the network for a boot `rounds` times in a row, and its system was not heard. `joined`: it has a Node of ours. */
  | { readonly name: 'local-boot-failed'; readonly rounds: number; readonly joined: boolean }
  /** The owner wants one new installation of it: the next installer that reports is given it, and no other. */
  | { readonly name: 'reinstalling'; readonly by: string; readonly start: InstallerStart }
  /** The owner wants its disk cleared, by the installer, tied to the nonce `arming`. */
  | { readonly name: 'wiping'; readonly by: string; readonly arming: string; readonly start: WipeStep }
  /**
   * It gets an address and nothing else: something speaks against touching it. `report`: another board says to be this one, and
   * this is what the owner may accept.
   */
  | { readonly name: 'held'; readonly reason: string; readonly report?: BoardReport }
  /** The owner said no. `left`: its Node and token are gone. `system`: what it has of ours, which accepting it goes on from. */
  | { readonly name: 'rejected'; readonly by: string; readonly left: boolean; readonly system: OwnSystem }
  /** The owner took it out of the cluster. It keeps its system, and joins again when it is accepted. `done`: Node and token are gone. */
  | { readonly name: 'left'; readonly by: string; readonly done: boolean }
  /** Another board has its place by now. `left`: Node and token that it had there are gone; until then the other one waits. */
  | { readonly name: 'replaced'; readonly by: string; readonly was: Place; readonly left: boolean }
  /** A step did not work; `resume` is where `bramble retry` goes on. `output`: the last words of what failed on the board. */
  | {
      readonly name: 'failed';
      readonly code: string;
      readonly detail: string;
      readonly output?: string;
      readonly resume: ResumePoint;
    };

/**
 * The armings before this one, newest first, of installations that were given up without their last word: the board may be off, with
 * one of their systems finished on its disk.
 */
export type Earlier = readonly string[];

/** How far planned work on a board is. */
export type DrainStep =
  /** Its pods are asked to go. `left`: so many have not gone yet, once they were counted; `waits`: for what, in words. */
  | {
      readonly step: 'evicting';
      readonly force: boolean;
      readonly deleteData: boolean;
      readonly left?: number;
      readonly waits?: string;
    }
  /** Whatever could go is gone. */
  | { readonly step: 'drained' }
  /** The whole cluster is shut down: what runs on it goes down with it, when it is its turn. */
  | { readonly step: 'cordoned' }
  /** It is told to stop and to switch itself off. `boot`: of its Node. `trouble`: why it is on still. */
  | { readonly step: 'stopping'; readonly boot?: string; readonly trouble?: Trouble };

export type Trouble = { readonly code: string; readonly detail: string };

/** What a board is known by in the cluster. */
export type Place = { readonly name: Hostname; readonly address: Ipv4 | undefined };

/** A system of ours, with the host key we made: on its disk, on a card that was made for it, or nowhere. */
export type OwnSystem = 'disk' | 'card' | 'none';

/** Where a failed board goes on. The report is kept, so that a decision once made about the board is not asked for again. */
export type ResumePoint =
  /** `arming`: of an installation that was begun. Its last word may be what is missing, and nothing else. */
  | { readonly at: 'install'; readonly report: BoardReport; readonly arming?: string; readonly earlier?: Earlier }
  | { readonly at: 'start' }
  | { readonly at: 'join' }
  | { readonly at: 'wipe'; readonly by: string; readonly arming: string }
  | { readonly at: 'adopt'; readonly by: string };

/**
 * How far the installer is on a board that has a system. `restarts`: how often the board was started again for it.
 * Whatever is written here, an installer that came by the network or from a join card is as good.
 */
export type InstallerStart =
  /** It is being put into the board's own boot partition, over SSH. */
  | { readonly step: 'trying'; readonly restarts: number }
  /** That did not work; it is tried again now and then. */
  | { readonly step: 'waiting'; readonly restarts: number; readonly code: string; readonly detail: string }
  /** It is there, and the board was restarted. */
  | { readonly step: 'restarted'; readonly restarts: number }
  /** It was heard, and this is the disk that it was given. */
  | { readonly step: 'running'; readonly disk: DiskReport }
  /** The board was restarted often enough, and it was never heard. */
  | { readonly step: 'given-up' };

/** The installer of a wipe, and what is before and after it. */
export type WipeStep =
  /** Its Node and token are taken back first: nothing is to run on a disk that is being cleared. */
  | { readonly step: 'leaving' }
  | InstallerStart
  /** It has nothing of ours any more, and is left alone. */
  | { readonly step: 'done' };

/** Kept as long as something is still decided by it. */
export function reportOf(state: DeviceState): BoardReport | undefined {
  if (state.name === 'failed') return state.resume.at === 'install' ? state.resume.report : undefined;
  return 'report' in state ? state.report : undefined;
}

export type StateName = DeviceState['name'];

/** What the installer found on the board. All of it is a claim; `proof` was checked by the edge. */
export type BoardReport = {
  readonly mac: Mac;
  readonly serial: Serial | undefined;
  readonly model: Model | undefined;
  /** The one that may be written (`chooseDisk`). */
  readonly disk: DiskReport;
  readonly memoryBytes: number;
  /** What its installer was started from. */
  readonly source: BootSource;
  /** It knew the cluster key of our join card: HMAC-SHA-256 over our nonce. The key of a netboot is no such proof. */
  readonly proof: boolean;
};

/** `reinstall`: from its own boot partition, where we put it. */
export const bootSources = ['netboot', 'join-card', 'reinstall'] as const;
export type BootSource = (typeof bootSources)[number];

/** `blank`: no partition table and zeros; `empty`: factory-formatted, no files; `ours`: carries our mark; else `foreign`. */
export const foundContents = ['blank', 'empty', 'ours', 'foreign'] as const;
/** `none`: there is no disk that may be written. */
export const diskContents = [...foundContents, 'none'] as const;

export type DiskReport = {
  /** The kernel's: `mmcblk0`. Another one after the next start, perhaps. Empty with content `none`. */
  readonly name: string;
  readonly type: DiskType;
  /** What it calls itself; printable, 64 characters at most, may be empty. */
  readonly model: string;
  readonly bytes: number;
  readonly content: (typeof diskContents)[number];
  /** The known board of ours whose system is on it, by its mark. Content `ours` if it is this very board, else `foreign`. */
  readonly device?: DeviceId;
};

/** One disk in two reports, as far as can be told: kernels hand out names anew at each start. */
export const sameDisk = (a: DiskReport, b: DiskReport): boolean =>
  a.bytes === b.bytes && a.type === b.type && a.model === b.model;
