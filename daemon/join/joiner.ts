/**
 * Joins boards to the cluster, many at a time. Each step is judged by its effect, so that a join that was cut off can
 * simply be asked for again.
 */
import { ok, type Problem, type Result } from '../../config/result.ts';
import { type Instant, type Millis, seconds } from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { startApprover } from './approver.ts';
import { type Attempt, attemptJoin, awaitReady } from './attempt.ts';
import { orAway } from './away.ts';
import { setClock } from './board-clock.ts';
import { checkSerial } from './board-serial.ts';
import type { JoinCluster } from './cluster-port.ts';
import type { Driver, JoinBoard, LeavingBoard, SshProblem, SshSession, StepProblem } from './driver.ts';
import { type OwnKeys, takeOver } from './host-key.ts';
import { leave } from './leave.ts';
import { LOGIN, onBoardAt, type Work } from './on-board.ts';
import { sweepOrphans } from './orphan-tokens.ts';
import { release } from './release.ts';
import { semaphore } from './semaphore.ts';
import { awaitSsh, withSsh } from './ssh.ts';
import type { SshTarget } from './ssh-connection.ts';
import type { PeerSession } from './ssh-reach.ts';
import { switchOff } from './switch-off.ts';
import { randomText, revokeTokens } from './tokens.ts';

type JoinerOptions = {
  readonly cluster: JoinCluster;
  /** Asked for at each join: where the cluster is may be known only later. */
  readonly driver: (signal: AbortSignal) => Promise<Result<Driver, Problem>>;
  /** The daemon's own key, in OpenSSH format. */
  readonly privateKey: string;
  /** Of the boards' sshds. */
  readonly ownKeys: OwnKeys;
  /** It cannot be before this, whatever our clock says. */
  readonly earliest: () => Promise<Instant>;
  readonly ssh?: { readonly port?: number; readonly username?: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Transfers at a time: 8 unless given. */
  readonly parallel?: number;
  /** Unless given, a joined Node has 15 s to become Ready before its board is joined again. */
  readonly settle?: Millis;
};

export type Joiner = {
  /** Waits until the board's sshd answers with a key of ours. `foreignKeyEnds`: it has done so before. */
  readonly awaitSsh: (
    board: JoinBoard,
    deadline: Millis,
    signal: AbortSignal,
    how?: { readonly foreignKeyEnds: boolean },
  ) => Promise<Result<void, SshProblem>>;
  /**
   * The Node is Ready, under this board's name and address, with the quarantine taint. Leaves no token, however it ends.
   * `API_UNREACHABLE`: the cluster is away, wherever the join failed for it.
   */
  readonly join: (board: JoinBoard, signal: AbortSignal) => Promise<Result<void, StepProblem>>;
  /** Once Node, address, host key and serial agree: takes the taint off, and from the board what only the join needed. */
  readonly release: (board: JoinBoard, signal: AbortSignal) => Promise<Result<void, StepProblem>>;
  /** A root shell on it, with its host key verified, for what is neither of these. */
  readonly onBoard: (
    board: JoinBoard,
    signal: AbortSignal,
    work: (session: SshSession) => Promise<Result<void, StepProblem>>,
  ) => Promise<Result<void, StepProblem>>;
  /** The same, for what it sees of others: one session, held for as long as `work` takes. */
  readonly lookFrom: (
    board: Pick<JoinBoard, 'address' | 'hostKeys'>,
    signal: AbortSignal,
    work: (from: PeerSession) => Promise<void>,
  ) => Promise<Result<void, SshProblem>>;
  /** Takes token and Node back, and what is on the board if it can be reached. */
  readonly leave: (board: LeavingBoard, signal: AbortSignal) => Promise<Result<void, Problem>>;
  /** Ends what runs on it, and has it switch itself off two seconds after that. */
  readonly switchOff: (board: JoinBoard, signal: AbortSignal) => Promise<Result<void, StepProblem>>;
  /** Settles once the signal is aborted. */
  readonly done: Promise<void>;
};

/** Boards that are being joined at a time, whatever of it is not a transfer: an SSH connection each. */
const SESSIONS = 32;

/** Of a board that is well: one that takes longer is of no use to those who ask it. */
const QUICK_LOGIN = seconds(5);

export function createJoiner(options: JoinerOptions): Joiner {
  const { cluster, clock, random, log } = options;
  const approver = startApprover({ cluster, clock, log, signal: options.signal });
  const transfers = semaphore(options.parallel ?? 8);
  const sessions = semaphore(SESSIONS);
  const hashing = semaphore(1);
  const target = (board: Pick<JoinBoard, 'address' | 'hostKeys'>): SshTarget => ({
    host: board.address,
    port: options.ssh?.port ?? 22,
    username: options.ssh?.username ?? 'root',
    privateKey: options.privateKey,
    hostKeys: board.hostKeys,
  });
  const work: Work = { cluster, clock, log, transfers, onBoard: onBoardAt(target) };

  const run = randomText(random, 12);
  const orphans = sweepOrphans({ request: cluster.request, run, clock, signal: options.signal });

  const join: Joiner['join'] = async (board, caller) => {
    const signal = AbortSignal.any([caller, options.signal]);
    const end = await joinOnce(board, signal);
    const driver = await options.driver(signal);
    // Where it is to be on this very board, what went wrong there is why it is away.
    if (driver.ok && driver.value.controlPlane?.isOn(board) === true) return end;
    return await orAway(end, cluster.request, signal);
  };

  const joinOnce = async (board: JoinBoard, signal: AbortSignal): Promise<Result<void, StepProblem>> => {
    const driver = await options.driver(signal);
    if (!driver.ok) return driver;
    const { needsToken } = driver.value;
    orphans.drop(board.id);
    const revoked = needsToken ? await revokeTokens(cluster.request, board.id, signal) : ok(0);
    if (!revoked.ok) return revoked;
    try {
      const there = await sessions(signal, () => register(driver.value, board, signal));
      if (!there.ok) return there;
      const node = { name: driver.value.nodeName(board), uid: there.value };
      return await awaitReady({ cluster, clock }, node, signal);
    } finally {
      // The Ready, the failed, the aborted and the thrown: none leaves a token.
      if (needsToken) await takeTokenBack(board);
    }
  };

  /** From the first session to a Node. */
  const register = async (
    driver: Driver,
    seen: JoinBoard,
    signal: AbortSignal,
  ): Promise<Result<string, StepProblem>> => {
    const taken = await takeOver({ keys: options.ownKeys, target, clock, signal, timeout: LOGIN }, seen);
    if (!taken.ok) return taken;
    const board = taken.value;
    const earliest = await options.earliest();
    const attempt: Omit<Attempt, 'session'> = {
      ...{ cluster, approver, clock, random, transfers, driver, board, signal },
      ...{ hashing, run },
      settle: options.settle ?? seconds(15),
    };
    return await work.onBoard(board, signal, async (session) => {
      const same = await checkSerial(session, board);
      if (!same.ok) return same;
      const set = await setClock(session, { clock, earliest });
      return set.ok ? await attemptJoin({ ...attempt, session }) : set;
    });
  };

  const takeTokenBack = async (board: JoinBoard): Promise<void> => {
    const end = await revokeTokens(cluster.request, board.id, new AbortController().signal);
    if (end.ok) return;
    orphans.add(board.id);
    log.warn('join token not deleted, it is tried again until it expires', {
      node: board.name,
      code: end.error.code,
    });
  };

  return {
    awaitSsh: (board, deadline, signal, how) => awaitSsh({ ...target(board), ...how, clock, signal, deadline }),
    join,
    release: async (board, signal) => {
      const driver = await options.driver(signal);
      return driver.ok ? await release(work, driver.value, board, signal) : driver;
    },
    onBoard: work.onBoard,
    lookFrom: (board, signal, look) => withSsh({ ...target(board), signal, timeout: QUICK_LOGIN }, look),
    leave: async (board, signal) => {
      const driver = await options.driver(signal);
      return driver.ok ? await leave(work, driver.value, board, signal) : driver;
    },
    switchOff: async (board, signal) => {
      // Where the driver cannot be told, as with the cluster away, the board still can.
      const driver = await options.driver(signal);
      return await switchOff(work, driver.ok ? driver.value : undefined, board, signal);
    },
    done: Promise.all([approver.done, orphans.done]).then(() => undefined),
  };
}
