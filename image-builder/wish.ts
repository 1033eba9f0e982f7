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
  readonly mark: DiskMark;
};

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
export type ExistingBootFiles = { readonly cmdline?: string; readonly deviceInit?: string };

export type PlannedFile = {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Holds a private key: never logged, never public. */
  readonly secret: boolean;
};

export type BoardPlan = { readonly files: readonly PlannedFile[] };

/** Text as the first-boot formats give it; `planBoard` makes bytes of it. */
export type TextFile = { readonly path: string; readonly text: string; readonly secret?: boolean };

export const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
