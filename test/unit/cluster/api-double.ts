/** An HTTP server on loopback in the place of the Kubernetes API: it says what a test wants, down to the broken byte. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { ExecutionContext } from 'ava';
import { ok } from '../../../config/result.ts';
import { type Millis, millis } from '../../../config/values.ts';
import { type Api, createApi } from '../../../daemon/cluster/api.ts';
import { type NodeFacts, nodesPath, readNode } from '../../../daemon/cluster/nodes.ts';
import { type ReflectLimits, reflect } from '../../../daemon/cluster/watch.ts';
import type { Clock } from '../../../daemon/ports.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { createLogDouble, createRandomDouble } from '../../support/doubles.ts';

export type Answer = (response: ServerResponse, query: URLSearchParams) => void;

export type ApiDouble = {
  readonly api: Api;
  /** `list`, `watch` or the method, and the version or page that was asked for; oldest first. */
  readonly asked: readonly string[];
  readonly queries: readonly URLSearchParams[];
  readonly open: () => number;
  readonly refusals: () => number;
};

/** The answers in turn; who asks more often waits for ever. */
export async function startApiDouble(t: ExecutionContext, answers: readonly Answer[]): Promise<ApiDouble> {
  const asked: string[] = [];
  const queries: URLSearchParams[] = [];
  let open = 0;
  let refusals = 0;
  const left = [...answers];
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    const what = query.has('watch') ? 'watch' : 'list';
    asked.push(`${what} ${query.get('continue') ?? query.get('resourceVersion') ?? 'latest'}`);
    queries.push(query);
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    left.shift()?.(response, query);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port }: { port: number } = Object(server.address());
  const api = createApi({
    access: async () => ok({ server: `http://127.0.0.1:${port}`, options: {} }),
    refused: () => {
      refusals += 1;
    },
  });
  return { api, asked, queries, open: () => open, refusals: () => refusals };
}

export const node = (name: string, version: string, ready = false, heartbeat = '') => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion: version, annotations: { heartbeat } },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

export const list =
  (version: string, items: readonly unknown[], next?: string): Answer =>
  (response) =>
    void response.end(JSON.stringify({ metadata: { resourceVersion: version, continue: next }, items }));

export const status =
  (code: number): Answer =>
  (response) =>
    void response.writeHead(code).end(JSON.stringify({ kind: 'Status', code, message: `as told: ${code}` }));

export const event = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

/** Says this and goes on listening. */
export const says =
  (...texts: readonly string[]): Answer =>
  (response) => {
    response.flushHeaders();
    for (const text of texts) response.write(text);
  };

/** Time does not pass by itself; sleeping takes none, and is written down. */
function impatientClock() {
  const pauses: number[] = [];
  let now = millis(0);
  const clock: Pick<Clock, 'sleep'> = {
    sleep: async (duration, signal) => {
      pauses.push(duration);
      await systemClock.sleep(millis(1), signal);
    },
  };
  const pass = (duration: Millis): void => {
    now = millis(now + duration);
  };
  return { clock, pauses, pass, rests: { elapsed: () => now } };
}

type WatchSettings = Partial<ReflectLimits> & {
  readonly onChange?: (name: string) => void;
  readonly mayBeUnknown?: boolean;
};

/** The watch on Nodes over such a server. `when` settles once what has happened is as wanted. */
export async function watchDouble(
  t: ExecutionContext,
  answers: readonly Answer[],
  { onChange, mayBeUnknown = false, ...limits }: WatchSettings = {},
) {
  const server = await startApiDouble(t, answers);
  const changes: string[] = [];
  const waiting = new Set<() => void>();
  const closing = new AbortController();
  const { clock, pauses, pass, rests } = impatientClock();
  const log = createLogDouble();
  const look = (): void => {
    for (const one of waiting) one();
  };
  const nodes = reflect({
    ...{ path: nodesPath, project: readNode, mayBeUnknown },
    ...{ api: server.api, clock, rests, random: createRandomDouble(), log, signal: closing.signal, limits },
    onChange: ({ type, item }) => {
      changes.push(`${type} ${item.name}`);
      onChange?.(item.name);
    },
  });
  const timer = setInterval(look, 5);
  t.teardown(async () => {
    closing.abort();
    await nodes.done;
    clearInterval(timer);
  });
  const when = (holds: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (act: () => void): void => {
        clearTimeout(deadline);
        waiting.delete(one);
        act();
      };
      const one = (): void => {
        if (holds()) end(resolve);
      };
      const told = (): Error => new Error(`in vain; asked: ${server.asked.join(', ')}; changes: ${changes.join(', ')}`);
      const deadline = setTimeout(() => end(() => reject(told())), 30_000);
      waiting.add(one);
      one();
    });
  const item = (name: string): NodeFacts | undefined => nodes.items.get(name);
  return { ...server, nodes, changes, pauses, pass, log, when, item, closing };
}
