/** Makes this machine a k3s server, or the server that it is one of this release; as before if that fails. */

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { callApi } from './api.ts';
import { type Changes, openChanges, WrongSum } from './changes.ts';
import { ioProblem } from './io.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { isOurs, type ServerPlace, serverConfig, serverPaths, serverUnit, unitText } from './server-config.ts';
import { lastLines, runProgram, type UnitFacts, unitFacts } from './system.ts';

export type ReleaseFile = { readonly path: string; readonly sha256: string };
export type ServerOptions = {
  readonly version: string;
  readonly binary: ReleaseFile;
  readonly images: ReleaseFile;
  readonly place: ServerPlace;
  /** What is done and waited for, a line each. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Milliseconds for it to get ready: a quarter of an hour, for a Pi 3 with a slow card. */
  readonly patienceMs?: number;
};

/** Settles once its API is ready. Rejects with the signal's reason, when all is taken back. Idempotent. */
export async function installServer(options: ServerOptions): Promise<Result<void, Problem>> {
  const changes = openChanges();
  try {
    const end = await install(options, changes);
    options.signal.throwIfAborted();
    if (end.ok) {
      await changes.keep();
      return end;
    }
    options.say('it failed: what was changed is taken back');
    await changes.undo();
    return end;
  } catch (error) {
    await changes.undo();
    options.signal.throwIfAborted();
    if (error instanceof WrongSum) return problem('WRONG_SUM', `${error.message}: run bramble cluster fetch again`);
    return ioProblem(error);
  }
}

async function install(options: ServerOptions, changes: Changes): Promise<Result<void, Problem>> {
  const { version, binary, images, say, signal } = options;
  const before = await unitFacts(serverUnit);
  const undoing: { restart: boolean } = { restart: false };
  // Registered first: when all files are as before.
  changes.onUndo(async () => {
    await runProgram('systemctl', 'daemon-reload');
    if (undoing.restart) await runProgram('systemctl', 'restart', '--no-block', serverUnit);
  });
  say(`k3s ${version}: ${serverPaths.binary}, ${serverPaths.images}`);
  const written = [await changes.putFile(serverPaths.binary, binary.path, binary.sha256, 0o755)];
  const told = await runProgram(serverPaths.binary, '--version');
  if (told.code !== 0 || !told.stdout.includes(version)) {
    const said = (told.stdout || told.stderr).split('\n', 1)[0] ?? '';
    return problem('NOT_K3S', `${binary.path} does not run here as k3s ${version}: it says ${JSON.stringify(said)}`);
  }
  const imagesFile = `${serverPaths.images}/k3s-airgap-images.tar.zst`;
  written.push(await changes.putFile(imagesFile, images.path, images.sha256, 0o644));
  signal.throwIfAborted();
  written.push(await putConfig(options, changes));
  written.push(await changes.putText(serverPaths.unit, unitText, 0o644));
  const isChanged = written.includes(true);
  undoing.restart = isChanged && isRunning(before);
  const started = await start(before, isChanged, changes);
  return started.ok ? await whenReady(options) : started;
}

/** One that somebody wrote or changed stays as it is. */
async function putConfig({ place, say }: ServerOptions, changes: Changes): Promise<boolean> {
  const old = await readFile(serverPaths.config, 'utf8').catch(() => undefined);
  if (old === undefined || isOurs(old)) return await changes.putText(serverPaths.config, serverConfig(place), 0o600);
  say(`${serverPaths.config} is not bramble's: it stays as it is`);
  return false;
}

async function start(before: UnitFacts, isChanged: boolean, changes: Changes): Promise<Result<void, Problem>> {
  const does = async (...args: readonly string[]): Promise<Result<void, Problem>> => {
    const { code, stderr } = await runProgram('systemctl', ...args);
    return code === 0 ? ok(undefined) : problem('SYSTEMD', `systemctl ${args.join(' ')}: ${stderr.trim()}`);
  };
  const runs = isRunning(before);
  if (runs && before.isEnabled && !isChanged) return ok(undefined);
  const loaded = await does('daemon-reload');
  if (!loaded.ok) return loaded;
  if (!before.isEnabled) changes.onUndo(() => does('disable', serverUnit));
  const enabled = await does('enable', serverUnit);
  if (!enabled.ok) return enabled;
  if (!runs) changes.onUndo(() => does('stop', serverUnit));
  // Without waiting: of itself it does so for ever (facts 1.2).
  return await does(runs ? 'restart' : 'start', '--no-block', serverUnit);
}

const isRunning = ({ active }: UnitFacts): boolean => active === 'active' || active === 'activating';

/** Starts again by itself: so often, and it will not do. */
const restartsMax = 5;

async function whenReady({ say, signal, patienceMs = 900_000 }: ServerOptions): Promise<Result<void, Problem>> {
  const restMs = 1000;
  let told = '';
  for (let waited = 0; ; waited += restMs) {
    const why = await notReady(signal);
    if (why === undefined) return ok(undefined);
    const { active, restarts } = await unitFacts(serverUnit);
    const now = `waiting for k3s (${active}): ${why}`;
    if (now !== told) say(now);
    told = now;
    if (restarts >= restartsMax || active === 'failed' || waited >= patienceMs) {
      const how = waited >= patienceMs ? `was not ready within ${patienceMs / 60_000} minutes` : 'does not stay up';
      return problem('SERVER_FAILED', `k3s ${how}: ${why}\n${await lastLines(serverUnit, 20)}`);
    }
    await sleep(restMs, undefined, { signal });
  }
}

async function notReady(signal: AbortSignal): Promise<string | undefined> {
  const access = await readKubeconfig(serverPaths.kubeconfig);
  if (!access.ok) return 'it has made no kubeconfig yet';
  const ready = await callApi(access.value, 'GET', '/readyz', { signal });
  return ready.ok ? undefined : (ready.error.detail.split('\n', 1)[0] ?? '');
}
