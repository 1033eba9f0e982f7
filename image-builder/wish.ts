/** What is wanted of one board's image, and what a plan is: types. */
import type { Hostname, Ipv4 } from '../config/values.ts';
import type { DiskMark } from './boot-partition.ts';

/** How a base takes its settings at the first boot, by what its boot partition holds. */
export const firstBootFormats = ['device-init', 'cloud-init', 'none'] as const;
export type FirstBootFormat = (typeof firstBootFormats)[number];

export type BoardWish = {
  readonly hostname: Hostname;
  /** Permanent, written into the board's own configuration; `undefined` leaves it to DHCP. */
  readonly address: StaticAddress | undefined;
  readonly sshHostKey: SshHostKey;
  /** One `authorized_keys` line: who may log in as root. */
  readonly authorizedKey: string;
  /** Of the tz database: `Europe/Amsterdam`. */
  readonly timezone?: string;
  readonly format: FirstBootFormat;
  /** Switched on where the system can; see `securityNote`. Left as the base has it unless given. */
  readonly securityUpdates?: boolean;
  readonly mark: DiskMark;
  /** The owner's own; none unless given. */
  readonly additions?: Additions;
};

/** What the owner puts into the images of a group of boards (`images.additions`). */
export type Additions = {
  /** In this order: of two with the same path the later one stays. */
  readonly files: readonly AddedFile[];
  /** For `sh -c`, once, at the end of the first boot; one that fails does not keep the next from being run. */
  readonly runcmd: readonly string[];
  /** Archives on the board (`/var/local/app.tar.gz`) or names in a registry. */
  readonly containerImages: readonly string[];
};

export type AddedFile = {
  readonly path: string;
  readonly content: Uint8Array;
  /** Octal. */
  readonly mode: string;
  /** `root:root`. */
  readonly owner: string;
  readonly secret: boolean;
};

export const noAdditions: Additions = { files: [], runcmd: [], containerImages: [] };

export type StaticAddress = {
  readonly ip: Ipv4;
  readonly prefix: number;
  readonly gateway?: Ipv4;
  readonly dns?: readonly Ipv4[];
};

export type SshHostKey = {
  /** PEM, `-----BEGIN OPENSSH PRIVATE KEY-----`; Ed25519. */
  readonly privateOpenssh: string;
  /** `ssh-ed25519 AAAA… comment`. */
  readonly publicLine: string;
};

/** Those files of the base that a plan keeps parts of. */
export type ExistingBootFiles = {
  readonly cmdline?: string;
  /** Where it lies; `cmdline.txt` unless config.txt says otherwise. */
  readonly cmdlinePath?: string;
  readonly configTxt?: string;
  readonly deviceInit?: string;
};

export type PlannedFile = {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Holds a private key or what the owner called a secret: never logged, never public. */
  readonly secret: boolean;
  /** For the owner's eyes: `bytes` with `*** secret, 411 bytes ***` for every secret in it. */
  readonly shown: Uint8Array;
};

export type BoardPlan = { readonly files: readonly PlannedFile[] };

/** A file as the first-boot formats give it; `planBoard` makes bytes of it. */
export type DraftFile = { readonly path: string; readonly content: string | Uint8Array; readonly secret?: boolean };

export const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
