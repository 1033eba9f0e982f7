/** The daemon's HTTP API over its unix socket. */
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import {
  type AccessAnswer,
  type AccessRequest,
  type Action,
  type ActionRequest,
  type ActionResult,
  type BalancePlanView,
  type BalanceRequest,
  type BalanceView,
  type ConfirmOffAnswer,
  type DeviceDescription,
  type DrainRequest,
  type ErrorBody,
  type EventList,
  type EventView,
  type FailoverRequest,
  type FailoverView,
  type ImageFilesView,
  type LoginAnswer,
  notesHeader,
  type OpeningAnswer,
  type OpeningRequest,
  type PowerView,
  type ReplaceRequest,
  type ShutdownRequest,
  type StartupRequest,
  type StatusView,
  type UncordonRequest,
} from '../daemon/http/wire.ts';
import { CommandFailed, exitCodes } from './exit-codes.ts';

export const defaultSocket = '/run/bramble/brambled.sock';

/** Every function rejects with `CommandFailed`, whose exit code says what it was. */
export type Client = {
  readonly status: () => Promise<StatusView>;
  readonly describe: (name: string) => Promise<DeviceDescription>;
  readonly imageFiles: (name: string) => Promise<ImageFilesView>;
  readonly events: (query: EventsQuery) => Promise<readonly EventView[]>;
  /** Stored events, then each new one; ends when the daemon does or the client's signal is aborted. */
  readonly follow: (query: EventsQuery) => AsyncIterable<EventView>;
  /** The whole image of a board, as a stream; `most` is the room there is. */
  readonly boardImage: (name: string, query: BoardImageQuery) => Promise<Download>;
  readonly joinCard: (query: { readonly eeprom?: string | undefined }) => Promise<Download>;
  readonly opening: () => Promise<OpeningAnswer>;
  readonly setOpening: (request: OpeningRequest) => Promise<OpeningAnswer>;
  readonly act: (name: string, action: Action, by: string, force?: boolean) => Promise<ActionResult>;
  /** What would be moved now. */
  readonly balancePlan: () => Promise<BalancePlanView>;
  readonly balance: () => Promise<BalanceView>;
  readonly askBalance: (request: BalanceRequest) => Promise<BalanceView>;
  readonly replace: (name: string, asked: ReplaceRequest) => Promise<ActionResult>;
  readonly power: () => Promise<PowerView>;
  readonly shutdown: (asked: ShutdownRequest) => Promise<PowerView>;
  readonly startup: (asked: StartupRequest) => Promise<PowerView>;
  readonly drain: (name: string, asked: DrainRequest) => Promise<ActionResult>;
  readonly uncordon: (name: string, asked: UncordonRequest) => Promise<ActionResult>;
  readonly failover: () => Promise<FailoverView>;
  readonly askFailover: (request: FailoverRequest) => Promise<FailoverView>;
  readonly confirmOff: (name: string, by: string) => Promise<ConfirmOffAnswer>;
  /** A link to the status page that signs in there, once. */
  readonly login: (by: string) => Promise<LoginAnswer>;
  readonly access: (asked: AccessRequest) => Promise<AccessAnswer>;
};
/** `isNew`: a board of that name is made if there is none. */
export type BoardImageQuery = { readonly by: string; readonly most?: number; readonly isNew: boolean };
export type EventsQuery = { readonly after?: number; readonly device?: string | undefined };

/** `chunks` has to be read or left at once: the daemon waits for nobody for ever. */
export type Download = {
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** For people, about what comes. */
  readonly notes: readonly string[];
};

export type ClientOptions = {
  readonly socket: string;
  readonly timeoutMs: number;
  /** Aborted when the user wants to stop. */
  readonly signal: AbortSignal;
};

export const openClient = (options: ClientOptions): Client => ({
  status: () => json<StatusView>(options, 'GET', '/v1/status'),
  describe: (name) => json<DeviceDescription>(options, 'GET', `/v1/devices/${encodeURIComponent(name)}/describe`),
  imageFiles: (name) => json<ImageFilesView>(options, 'GET', `/v1/devices/${encodeURIComponent(name)}/image/files`),
  events: async (query) => (await json<EventList>(options, 'GET', `/v1/events?${search(query)}`)).events,
  follow: (query) => followEvents(options, query),
  boardImage: (name, { by, most, isNew }) => {
    const query = { by, most: most?.toString(), new: isNew ? '1' : undefined };
    return download(options, `/v1/devices/${encodeURIComponent(name)}/image`, query);
  },
  joinCard: ({ eeprom }) => download(options, '/v1/join-card', { eeprom }),
  opening: () => json<OpeningAnswer>(options, 'GET', '/v1/admission/open'),
  setOpening: (request) => json<OpeningAnswer>(options, 'POST', '/v1/admission/open', request),
  act: (name, action, by, force = false) => {
    const asked: ActionRequest = { by, ...(force && { force }) };
    return json<ActionResult>(options, 'POST', `/v1/devices/${encodeURIComponent(name)}/${action}`, asked);
  },
  balancePlan: () => json<BalancePlanView>(options, 'GET', '/v1/balance'),
  balance: () => json<BalanceView>(options, 'GET', '/v1/balance/run'),
  askBalance: (request) => json<BalanceView>(options, 'POST', '/v1/balance', request),
  replace: (name, asked) =>
    json<ActionResult>(options, 'POST', `/v1/devices/${encodeURIComponent(name)}/replace`, asked),
  power: () => json<PowerView>(options, 'GET', '/v1/power'),
  shutdown: (asked) => json<PowerView>(options, 'POST', '/v1/power/shutdown', asked),
  startup: (asked) => json<PowerView>(options, 'POST', '/v1/power/startup', asked),
  drain: (name, asked) => json<ActionResult>(options, 'POST', `/v1/devices/${encodeURIComponent(name)}/drain`, asked),
  uncordon: (name, asked) =>
    json<ActionResult>(options, 'POST', `/v1/devices/${encodeURIComponent(name)}/uncordon`, asked),
  failover: () => json<FailoverView>(options, 'GET', '/v1/failover'),
  askFailover: (request) => json<FailoverView>(options, 'POST', '/v1/failover', request),
  confirmOff: (name, by) =>
    json<ConfirmOffAnswer>(options, 'POST', `/v1/devices/${encodeURIComponent(name)}/confirm-off`, { by }),
  login: (by) => json<LoginAnswer>(options, 'POST', '/v1/login', { by }),
  access: (asked) => json<AccessAnswer>(options, 'POST', '/v1/access', asked),
});

function search({ after, device }: EventsQuery): URLSearchParams {
  const query = new URLSearchParams();
  if (after !== undefined) query.set('after', String(after));
  if (device !== undefined) query.set('device', device);
  return query;
}

/** The daemon is ours and of the same version: its 2xx answers are taken at their word. */
async function json<T>(options: ClientOptions, method: string, path: string, body?: unknown): Promise<T> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    const response = await send(options.socket, method, path, body, signal);
    const text = await textOf(response);
    if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, text);
    return JSON.parse(text);
  } catch (error) {
    throw failureOf(error, options, deadline);
  }
}

async function* followEvents(options: ClientOptions, query: EventsQuery): AsyncIterable<EventView> {
  const given = search(query);
  given.set('follow', '1');
  // Only the first answer has to come in time; after that the daemon's heartbeat is what counts.
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
  try {
    const signal = AbortSignal.any([options.signal, deadline.signal]);
    const response = await send(options.socket, 'GET', `/v1/events?${given}`, undefined, signal);
    clearTimeout(timer);
    if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, await textOf(response));
    for await (const line of createInterface({ input: response, signal: options.signal })) {
      if (line !== '') yield JSON.parse(line);
    }
    if (!options.signal.aborted) throw new CommandFailed(exitCodes.notReachable, 'the daemon closed the connection');
  } catch (error) {
    if (!options.signal.aborted) throw failureOf(error, options, deadline.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Only the first answer has to come in time. */
async function download(
  options: ClientOptions,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<Download> {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) given.set(key, value);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.timeoutMs);
  try {
    const signal = AbortSignal.any([options.signal, deadline.signal]);
    const response = await send(options.socket, 'GET', `${path}?${given}`, undefined, signal);
    clearTimeout(timer);
    if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, await textOf(response));
    const notes: readonly string[] = JSON.parse(String(response.headers[notesHeader] ?? '[]'));
    return { bytes: Number(response.headers['content-length']), chunks: chunksOf(response, options), notes };
  } catch (error) {
    throw failureOf(error, options, deadline.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function* chunksOf(response: IncomingMessage, options: ClientOptions): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw failureOf(error, options, new AbortController().signal);
  }
}

const send = (
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    request({ socketPath, method, path, headers, signal, agent: false }, resolve).on('error', reject).end(text);
  });

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, text: string): CommandFailed {
  const { code, message } = errorBody(text) ?? { code: 'INTERNAL', message: `the daemon answered ${status}` };
  return new CommandFailed(code === 'NOT_FOUND' ? exitCodes.notFound : exitCodes.failure, message);
}

function errorBody(text: string): (Pick<ErrorBody, 'message'> & { readonly code: string }) | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('code' in body) || !('message' in body)) return undefined;
    return { code: String(body.code), message: String(body.message) };
  } catch {
    return undefined;
  }
}

function failureOf(error: unknown, options: ClientOptions, deadline: AbortSignal): CommandFailed {
  const { socket, timeoutMs } = options;
  if (error instanceof CommandFailed) return error;
  if (options.signal.aborted) return new CommandFailed(exitCodes.failure, 'interrupted');
  if (deadline.aborted) {
    return new CommandFailed(exitCodes.timedOut, `the daemon did not answer within ${timeoutMs / 1000} s`);
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES') {
    const advice = 'run it with sudo, or add yourself to the group that owns the socket';
    return new CommandFailed(exitCodes.notReachable, `no permission for ${socket}: ${advice}`);
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new CommandFailed(
      exitCodes.notReachable,
      `the daemon does not answer on ${socket}; is it running? (systemctl status bramble)`,
    );
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new CommandFailed(exitCodes.notReachable, 'the daemon closed the connection');
  }
  return new CommandFailed(exitCodes.failure, error instanceof Error ? error.message : String(error));
}
