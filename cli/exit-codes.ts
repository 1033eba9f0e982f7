/** What `bramble` ends with; scripts may rely on it. */
export const exitCodes = {
  well: 0,
  failure: 1,
  /** `doctor`: something keeps boards from being installed. `status`: a board waits for the owner, the cluster cannot be reached, or boards are not served. */
  degraded: 2,
  /** The daemon does not answer on its socket. */
  notReachable: 3,
  notFound: 4,
  timedOut: 5,
  /** sysexits.h EX_USAGE. */
  usage: 64,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command: `message` goes to stderr, `code` to the shell. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
