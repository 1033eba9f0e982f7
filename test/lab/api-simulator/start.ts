/** The API simulator as a process of its own, so that it can live inside the master's network namespace. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ApiServer, ApiServerOptions } from '../control-plane/api-server.ts';
import { startChild, tail } from '../control-plane/child.ts';
import { freePorts, prepareAccess } from '../control-plane/start.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const pollMs = 20;
const deadlineMs = 20_000;

/** Its objects live in memory: a second start with the same folder keeps the keys and forgets the nodes. */
export async function startApiSimulator(options: ApiServerOptions): Promise<ApiServer> {
  const { directory, address, netns, signal, log } = options;
  const port = options.port === 0 ? ((await freePorts(1))[0] ?? 0) : (options.port ?? 6443);
  const server = `https://${address}:${port}`;
  const access = await prepareAccess(directory, server, address);
  const name = 'api-simulator';
  const logFile = join(directory, 'log', `${name}.log`);
  const args = [main, directory, address, String(port)];
  const child = await startChild({ name, command: process.execPath, args, netns, logFile }, signal);
  let ended: string | undefined;
  void child.ended.then((how) => {
    ended = how;
  });
  // It says one line, its port, when it answers.
  const deadline = Date.now() + deadlineMs;
  while (!tail(logFile, 1).endsWith(String(port))) {
    if (ended !== undefined || Date.now() > deadline) {
      await child.stop();
      throw new Error(`the API simulator did not start (${ended ?? 'too slow'}): ${tail(logFile)}`);
    }
    await sleep(pollMs, undefined, { signal });
  }
  log(`the API simulator answers at ${server}`);
  const processes = [{ name, pid: child.pid }];
  return { server, version: 'simulator', caPem: access.pki.caPem, ...access, processes, stop: child.stop };
}
