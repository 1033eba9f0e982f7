/** What bramble asks of a Kubernetes distribution. One driver per distribution; each step is idempotent. */
import type { Problem, Result } from '../../config/result.ts';
import type { DeviceId, Hostname, Ipv4, Millis } from '../../config/values.ts';
import type { ByteSource } from '../ports.ts';

/** The board to be joined. */
export type JoinBoard = {
  readonly id: DeviceId;
  readonly name: Hostname;
  readonly address: Ipv4;
  /** It is the board's for good. Otherwise the router may give it another one, and kubelet has to find out by itself. */
  readonly fixedAddress: boolean;
  /** One line as in `ssh_host_ed25519_key.pub`: the key that we generated for this board. */
  readonly hostKeyPublic: string;
  readonly labels: Readonly<Record<string, string>>;
};

/** Where it is may not be known any more. */
export type LeavingBoard = Omit<JoinBoard, 'address'> & { readonly address: Ipv4 | undefined };

/** `stdin` of bytes is read as fast as the board takes them. */
export type RunOptions = { readonly stdin?: string | AsyncIterable<Uint8Array>; readonly timeout?: Millis };
export type RunResult = {
  /** 255 if a signal ended the program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
};

export type SshCode = 'SSH_REFUSED' | 'SSH_TIMEOUT' | 'SSH_HOST_KEY_CHANGED' | 'SSH_AUTH' | 'SSH_CLOSED';
export type SshProblem = Problem<SshCode>;

/** A root shell on one board, reached with a verified host key. */
export type SshSession = {
  /** The program's end is a value, whatever its exit code; an error is only what happened to the connection. */
  readonly run: (
    program: string,
    args: readonly string[],
    options?: RunOptions,
  ) => Promise<Result<RunResult, SshProblem>>;
  /** Replaces the file in one step; the content goes over stdin, never through an argument. */
  readonly putFile: (
    path: string,
    content: string,
    mode: number,
  ) => Promise<Result<void, SshProblem | Problem<'PUT_FILE_FAILED'>>>;
  /** The same for what is too long for one string, or no text; all of `source`, which stays open. */
  readonly putBytes: (
    path: string,
    source: ByteSource,
    mode: number,
  ) => Promise<Result<void, SshProblem | Problem<'PUT_FILE_FAILED'>>>;
};

/** `<id>.<secret>`; the secret is a secret. */
export type BootstrapToken = { readonly id: string; readonly secret: string };

/**
 * `absent`: the distribution's programs are not there. `clean`: installed, belongs to no cluster. `partial`: some of a
 * join is there. `joined`: everything a joined board has is there; whether it works, the cluster's Node tells.
 */
export type BoardState = 'absent' | 'clean' | 'partial' | 'joined';

export type DriverName = 'kubeadm' | 'k3s' | 'kube-config';

export type Driver = {
  readonly name: DriverName;
  /** The groups that its tokens authenticate as. */
  readonly tokenGroups: string;
  /** Its nodes ask for their certificate in the cluster, and we approve it. */
  readonly certificateRequests: boolean;
  readonly probe: (session: SshSession) => Promise<Result<BoardState, Problem>>;
  /** Makes `absent` into `clean`, or says why that cannot be. */
  readonly install: (session: SshSession, board: JoinBoard) => Promise<Result<void, Problem>>;
  /** Makes `clean` into `joined`. Leaves no token behind, however it ends. */
  readonly join: (session: SshSession, board: JoinBoard, token: BootstrapToken) => Promise<Result<void, Problem>>;
  /** By effect: the board's own half of the join is in place. */
  readonly verify: (session: SshSession, board: JoinBoard) => Promise<Result<void, Problem>>;
  /** Makes anything into `clean`. */
  readonly leave: (session: SshSession) => Promise<Result<void, Problem>>;
};

export const quarantineTaint = { key: 'bramble.dev/quarantine', effect: 'NoSchedule' } as const;
export const deviceLabel = 'bramble.dev/device';
