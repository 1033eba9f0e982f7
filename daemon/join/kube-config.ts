/**
 * Kubernetes on ARM 0.8.0 on HypriotOS (facts 1.1): Kubernetes 1.3.6 in docker containers, as the article installs it. Legacy:
 * it has no tokens and no TLS, its Nodes are named by address, and it does not come back by itself after a boot. Each step is
 * judged by what runs on the board and what the API says.
 */
import { err, ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Ipv4, type Millis, minutes, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { KubeRequest } from './cluster-port.ts';
import {
  type BoardState,
  type Driver,
  type JoinBoard,
  mustBeJoined,
  type RunResult,
  type SshSession,
  type StepContext,
  type StepProblem,
} from './driver.ts';
import { kubeConfigApi } from './kube-config-api.ts';
import {
  installScript,
  kernelScript,
  kubeConfigScript,
  probeScript,
  pullScript,
  restartScript,
} from './kube-config-scripts.ts';
import { lastWords, programFailed } from './output.ts';

export type KubeConfigOptions = {
  /** Of the board, or other machine, that carries the cluster: its API is `http://MASTER:8080`. */
  readonly master: Ipv4;
  /** Its installation sets it. */
  readonly timezone: string;
  readonly request: KubeRequest;
  readonly clock: Pick<Clock, 'sleep'>;
};

const words = ['absent', 'clean', 'partial', 'rising', 'master', 'worker'] as const;
type What = (typeof words)[number];

export function kubeConfigDriver({ master, timezone, request, clock }: KubeConfigOptions): Driver {
  const api = kubeConfigApi({ request, clock, master });
  const isMaster = ({ address }: { readonly address: Ipv4 | undefined }): boolean => address === master;
  const look = (session: SshSession): Promise<Result<What, Problem>> => lookAt(session, master);
  // Where its address is not known it has no Node, and none has its name.
  const nodeName: Driver['nodeName'] = ({ name, address }) => address ?? name;

  const probe = async (session: SshSession): Promise<Result<BoardState, Problem>> => {
    const what = await look(session);
    if (!what.ok) return what;
    switch (what.value) {
      case 'master':
      case 'worker':
        return ok('joined');
      case 'rising':
        return ok('partial');
      default:
        return ok(what.value);
    }
  };

  const install = async (
    session: SshSession,
    board: JoinBoard,
    { transfer }: StepContext,
  ): Promise<Result<void, StepProblem>> => {
    if (!board.fixedAddress) return problem('ADDRESS_NOT_FIXED', ADDRESS_NOT_FIXED);
    const told = Object.entries(answers(board, timezone)).map(([name, value]) => `${name}=${value}`);
    const installed = await transfer(() =>
      session.run('env', [...told, 'sh', '-c', installScript], { timeout: INSTALL }),
    );
    if (!installed.ok) return installed;
    if (installed.value.code !== 0) return programFailed('INSTALL_FAILED', 'kube-config install', installed.value);
    const counts = await prepareKernel(session);
    if (!counts.ok) return counts;
    const pulled = await transfer(() => session.run('sh', ['-c', pullScript], { timeout: INSTALL }));
    return pulled.ok ? ok(undefined) : pulled;
  };

  const enable = async (session: SshSession, args: readonly string[]): Promise<Result<void, StepProblem>> => {
    const ran = await session.run('sh', ['-c', kubeConfigScript, 'sh', ...args], { timeout: ENABLE });
    if (!ran.ok) return ran;
    const what = await look(session);
    if (!what.ok) return what;
    const runs = what.value === 'worker' || what.value === 'master' || what.value === 'rising';
    return runs ? ok(undefined) : notDone('JOIN_FAILED', args, what.value, ran.value);
  };

  /** Its components are pods of its own kubelet: they come one after the other, once their images are there. */
  const raise = async (
    session: SshSession,
    board: JoinBoard,
    context: StepContext,
  ): Promise<Result<void, StepProblem>> => {
    const before = await look(session);
    if (!before.ok) return before;
    if (before.value !== 'master') {
      const installed = await install(session, board, context);
      if (!installed.ok) return installed;
      const enabled = await enable(session, ['enable-master']);
      if (!enabled.ok) return enabled;
    }
    for (;;) {
      const what = await look(session);
      if (!what.ok) return what;
      if (what.value === 'master') return api.masterReady(context.signal);
      await clock.sleep(LOOK, context.signal);
    }
  };

  return {
    name: 'kube-config',
    needsToken: false,
    nodeName,
    controlPlane: { isOn: isMaster, raise },
    probe,
    install,
    join: async (session, _board, { signal }) => {
      const ready = await api.masterReady(signal);
      return ready.ok ? enable(session, ['enable-worker', master]) : ready;
    },
    verify: async (session, board, { signal }) => {
      const state = await probe(session);
      if (!state.ok) return state;
      const whole = mustBeJoined(state.value);
      if (!whole.ok) return whole;
      return api.nodeAlive(nodeName(board), signal);
    },
    finish: (_session, board, { signal }) => api.label(nodeName(board), board, signal),
    leave: async (session) => {
      const before = await look(session);
      if (!before.ok) return before;
      if (before.value === 'absent' || before.value === 'clean') return ok(undefined);
      const ran = await session.run('sh', ['-c', kubeConfigScript, 'sh', 'disable'], { timeout: minutes(4) });
      if (!ran.ok) return ran;
      const after = await look(session);
      if (!after.ok) return after;
      return after.value === 'clean' ? ok(undefined) : notDone('LEAVE_FAILED', ['disable'], after.value, ran.value);
    },
  };
}

const INSTALL = minutes(18);
const ENABLE = minutes(7);
const LOOK = seconds(5);

const ADDRESS_NOT_FIXED =
  'under kube-config a Node is named by its address, and the router may give the board another one: name a range of permanent addresses (`addresses` in bramble.yaml), or take another cluster.driver';

/** A step of a restart that the board was told to make; the join goes on after it. */
export const BOARD_RESTARTS = 'BOARD_RESTARTS';

const answers = ({ name, labels }: JoinBoard, timezone: string): Readonly<Record<string, string>> => ({
  BOARD: labels['bramble.dev/model'] === 'pi2' ? 'rpi-2' : 'rpi-3',
  OS: 'hypriotos',
  NEW_HOSTNAME: name,
  TIMEZONE: timezone,
  STORAGE_DRIVER: 'overlay',
  SWAP: '0',
  // A restart in the middle would look like a lost connection: it is ours to ask for.
  REBOOT: '0',
});

async function lookAt(session: SshSession, master: Ipv4): Promise<Result<What, Problem>> {
  const end = await session.run('sh', ['-c', probeScript, 'sh', master]);
  if (!end.ok) return end;
  const word = end.value.stdout.trim();
  const known = words.find((what) => what === word);
  return known !== undefined
    ? ok(known)
    : problem('PROBE_FAILED', `the board answered ${JSON.stringify(word.slice(0, 80))}`);
}

/** Its exit code may well be 0. */
function notDone(code: string, args: readonly string[], what: What, end: RunResult): Result<never, StepProblem> {
  const output = lastWords(end);
  const [last = ''] = output.split('\n').slice(-1);
  const detail = `after kube-config ${args.join(' ')} the board is ${what}${last === '' ? '' : `: ${last.slice(-200)}`}`;
  return err({ code, detail, ...(output !== '' && { output }) });
}

async function prepareKernel(session: SshSession): Promise<Result<void, StepProblem>> {
  const end = await session.run('sh', ['-c', kernelScript]);
  if (!end.ok) return end;
  switch (end.value.stdout.trim()) {
    case 'counts':
      return ok(undefined);
    case 'restart':
      return restart(session);
    case 'vain':
      return problem(
        'CGROUPS_MISSING',
        'it was restarted, and its kernel still does not count memory: see that cgroup_enable=memory in its /boot/cmdline.txt is what it is started with',
      );
    default:
      return programFailed('INSTALL_FAILED', 'the look at /boot/cmdline.txt', end.value);
  }
}

async function restart(session: SshSession): Promise<Result<void, StepProblem>> {
  const end = await session.run('sh', ['-c', restartScript], { timeout: RESTART });
  return end.ok && end.value.code === 0
    ? problem('RESTART_FAILED', 'it was told to restart, and did not')
    : problem(BOARD_RESTARTS, 'it restarts once, so that its kernel counts memory for containers');
}

const RESTART: Millis = seconds(120);
