/**
 * A worker of a k3s cluster (facts 1.2, 2.1, 2.3): the release's own binary and images from the master, a unit as k3s's
 * install.sh writes it, and the board's own node password, so that nobody but this board ever joins under its name again.
 */
import { err, ok, type Problem, problem, type Result } from '../../config/result.ts';
import { minutes, seconds } from '../../config/values.ts';
import {
  type BoardState,
  type BootstrapToken,
  type JoinBoard,
  mustBeJoined,
  type RunResult,
  type SshSession,
  type StepContext,
  type StepProblem,
  type TokenDriver,
} from './driver.ts';
import { k3sPaths, renderAgentConfig, renderUnit } from './k3s-config.ts';
import { type Delivery, deliver, isThere, type K3sFile, type K3sFiles } from './k3s-files.ts';
import { agentTrouble } from './k3s-log.ts';
import { boardFactsScript, checkRequirements, parseBoardFacts, refuseServer } from './k3s-requirements.ts';
import {
  giveUpScript,
  journalScript,
  leaveScript,
  probeScript,
  startScript,
  stopScript,
  waitScript,
} from './k3s-scripts.ts';
import { joinToken, spentToken } from './k3s-token.ts';
import { nodePasswordName, nodePasswordSecret, SALT } from './node-password.ts';
import { lastWords, programFailed } from './output.ts';

export type K3sConfig = {
  /** `https://10.0.0.1:6443`, as the boards reach it. */
  readonly server: string;
  /** See `caHash`. */
  readonly caHash: string;
  readonly files: K3sFiles;
  /** The release that the boards are to run, such as `v1.34.2+k3s1`. */
  readonly version: string;
  /** `http://10.0.0.1:8067`: this daemon, as the boards reach it. */
  readonly baseUrl: string;
};

/** Seconds between two looks at a starting agent, and how many: within the step's time even where each look takes some, too. */
const look = 10;
const looks = 36;

export function k3sDriver(config: K3sConfig): TokenDriver {
  return {
    name: 'k3s',
    needsToken: true,
    tokenGroups: 'system:bootstrappers:k3s:default-node-token',
    // k3s takes the name back ten minutes after it was reserved, if no Node has come. Longer than the step lasts.
    tokenLifetime: minutes(9),
    nameSecret: ({ name, nodePassword }, random) => nodePasswordSecret(name, nodePassword, random.bytes(SALT)),
    // Its certificates come from the server itself, for the token and the node password.
    certificateRequests: false,
    probe,
    install: (session, _board, context) => install(config, session, context),
    join: (session, board, token) => join(config, session, board, token),
    verify,
    finish: (session) => session.putFile(k3sPaths.token, `${spentToken(config.caHash)}\n`, 0o600),
    giveUp,
    leave,
    stop,
    nodeName: ({ name }) => name,
    secretsOf: (nodeName) => [nodePasswordName(nodeName)],
  };
}

const shell = (
  session: SshSession,
  script: string,
  args: readonly string[] = [],
  timeout = seconds(60),
): Promise<Result<RunResult, Problem>> => session.run('sh', ['-c', script, 'sh', ...args], { timeout });

async function probe(session: SshSession): Promise<Result<BoardState, Problem>> {
  const end = await shell(session, probeScript);
  if (!end.ok) return end;
  const word = end.value.stdout.trim();
  return word === 'absent' || word === 'clean' || word === 'partial' || word === 'joined'
    ? ok(word)
    : problem('PROBE_FAILED', `the board answered ${JSON.stringify(word.slice(0, 80))}`);
}

async function install(
  { files, version, baseUrl }: K3sConfig,
  session: SshSession,
  { transfer }: StepContext,
): Promise<Result<void, StepProblem>> {
  const facts = await shell(session, boardFactsScript);
  if (!facts.ok) return facts;
  const arch = checkRequirements(parseBoardFacts(facts.value.stdout));
  if (!arch.ok) return arch;
  const listed = await files.list();
  const mine = listed.filter((file) => file.version === version && file.arch === arch.value);
  const binary = mine.find(({ kind }) => kind === 'binary');
  if (binary === undefined) {
    return problem(
      'K3S_FILES_MISSING',
      `the master has no k3s ${version} for ${arch.value}: run bramble cluster fetch --arch ${arch.value}, then retry`,
    );
  }
  const wanted = [binary, ...mine.filter(({ kind }) => kind === 'images')];
  for (const file of wanted) {
    const delivery: Delivery = { file, ...placeOf(file), baseUrl, open: files.open };
    const there = await isThere(session, delivery);
    if (!there.ok) return there;
    if (there.value) continue;
    const delivered = await transfer(() => deliver(session, delivery));
    if (!delivered.ok) return delivered;
  }
  return ok(undefined);
}

const placeOf = ({ kind, name }: K3sFile): Pick<Delivery, 'path' | 'mode'> =>
  kind === 'binary' ? { path: k3sPaths.binary, mode: 0o755 } : { path: `${k3sPaths.images}/${name}`, mode: 0o644 };

async function join(
  config: K3sConfig,
  session: SshSession,
  board: JoinBoard,
  token: BootstrapToken,
): Promise<Result<void, StepProblem>> {
  const { server, caHash } = config;
  const files = [
    [k3sPaths.nodePassword, `${board.nodePassword}\n`, 0o600],
    [k3sPaths.config, renderAgentConfig(server, board), 0o600],
    [k3sPaths.unit, renderUnit(server), 0o644],
    [k3sPaths.token, `${joinToken(caHash, token)}\n`, 0o600],
  ] as const;
  for (const [path, content, mode] of files) {
    const written = await session.putFile(path, content, mode);
    if (!written.ok) return written;
  }
  return startAgent(session, [token.secret, board.nodePassword]);
}

/** The token stays until its Node is there: without a Node the agent's certificate counts for nothing (facts 2.1). */
async function startAgent(session: SshSession, secrets: readonly string[]): Promise<Result<void, StepProblem>> {
  const begun = await shell(session, startScript);
  if (!begun.ok) return begun;
  if (begun.value.code !== 0) return programFailed('JOIN_FAILED', 'systemctl', begun.value, secrets);
  const mark = begun.value.stdout.trim();
  let [last, times] = ['', 0];
  for (let left = looks; ; left -= 1) {
    const waited = await shell(session, waitScript, [String(look)]);
    if (!waited.ok) return waited;
    if (waited.value.stdout.trim() === 'up') return ok(undefined);
    const journal = await shell(session, journalScript, [mark]);
    if (!journal.ok) return journal;
    const trouble = agentTrouble(journal.value.stdout);
    times = trouble?.code === last ? times + 1 : 1;
    last = trouble?.code ?? '';
    if (left > 1 && times < (trouble?.hopelessAfter ?? Number.POSITIVE_INFINITY)) continue;
    const output = lastWords(journal.value, secrets);
    const { code, detail } = trouble ?? {
      code: 'JOIN_TIMEOUT',
      detail: `k3s on the board was not up within ${(look * looks) / 60} minutes`,
    };
    return err({ code, detail, ...(output !== '' && { output }) });
  }
}

/** Leaves no token, and no agent that goes on asking. */
async function giveUp(session: SshSession): Promise<Result<void, StepProblem>> {
  const end = await shell(session, giveUpScript, [], minutes(2));
  return end.ok ? ok(undefined) : end;
}

async function verify(session: SshSession): Promise<Result<void, StepProblem>> {
  const state = await probe(session);
  return state.ok ? mustBeJoined(state.value) : state;
}

async function leave(session: SshSession): Promise<Result<void, StepProblem>> {
  const facts = await shell(session, boardFactsScript);
  if (!facts.ok) return facts;
  const mayGo = refuseServer(parseBoardFacts(facts.value.stdout));
  if (!mayGo.ok) return mayGo;
  const end = await shell(session, leaveScript, [], minutes(4));
  if (!end.ok) return end;
  return end.value.code === 0 ? ok(undefined) : programFailed('LEAVE_FAILED', 'leaving the cluster', end.value);
}

async function stop(session: SshSession): Promise<Result<void, StepProblem>> {
  const end = await shell(session, stopScript, [], minutes(2));
  return end.ok ? ok(undefined) : end;
}
