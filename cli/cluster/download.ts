/** One file from a web server: goes on where it broke off, in this run and in the next. */
import { type FileHandle, open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { ioProblem } from './io.ts';

export type DownloadCode = 'NOT_PUBLISHED' | 'UNREACHABLE' | 'TOO_LARGE' | 'DISK_FULL' | 'IO';
export type DownloadProblem = Problem<DownloadCode>;

export type DownloadOptions = {
  readonly url: string;
  /** Where it grows; what is there is the beginning. Left as it is when the download fails: the next one goes on. */
  readonly part: string;
  /** No published file is larger; a server that does not stop must not fill the disk. */
  readonly maxBytes: number;
  /** `of` is 0 where the server does not say. */
  readonly onProgress: (done: number, of: number) => void;
  readonly signal: AbortSignal;
  /** Milliseconds before the next try, by how many in a row brought nothing; after the last one it is given up. */
  readonly waits?: readonly number[];
  /** Milliseconds without a byte after which a connection is given up: 30 s. */
  readonly stallMs?: number;
};

/** Settles with its bytes once all is on the disk. Rejects with the signal's reason. */
export async function download(options: DownloadOptions): Promise<Result<number, DownloadProblem>> {
  const { part, signal, waits = [1000, 2000, 4000, 8000, 16_000] } = options;
  let file: FileHandle;
  try {
    file = await open(part, 'a+', 0o644);
  } catch (error) {
    return ioProblem(error);
  }
  try {
    let inVain = 0;
    for (;;) {
      const before = (await file.stat()).size;
      const turn = await oneTurn(options, file, before);
      signal.throwIfAborted();
      if (turn.is === 'whole') {
        await file.sync();
        return ok((await file.stat()).size);
      }
      if (turn.is === 'refused') return { ok: false, error: turn.problem };
      inVain = (await file.stat()).size > before ? 0 : inVain + 1;
      const wait = waits[inVain];
      if (wait === undefined) return problem('UNREACHABLE', turn.detail);
      await sleep(wait, undefined, { signal });
    }
  } catch (error) {
    signal.throwIfAborted();
    return ioProblem(error);
  } finally {
    await file.close();
  }
}

type Turn =
  | { readonly is: 'whole' }
  /** Worth another try. */
  | { readonly is: 'broken'; readonly detail: string }
  | { readonly is: 'refused'; readonly problem: DownloadProblem };

const broken = (detail: string): Turn => ({ is: 'broken', detail });
const refused = (code: DownloadCode, detail: string): Turn => ({ is: 'refused', problem: { code, detail } });

/** One request, from `have` on. Throws what the disk says. */
async function oneTurn(options: DownloadOptions, file: FileHandle, have: number): Promise<Turn> {
  const { url, signal, stallMs = 30_000 } = options;
  const stalled = new AbortController();
  const stall = setTimeout(() => stalled.abort(new Error(`nothing came for ${stallMs / 1000} s`)), stallMs);
  try {
    // Without `identity` a server may pack it, and there is no going on in the middle of that.
    const headers = { 'accept-encoding': 'identity', ...(have > 0 && { range: `bytes=${have}-` }) };
    const response = await fetch(url, { headers, signal: AbortSignal.any([signal, stalled.signal]) }).catch(
      networkError,
    );
    if (response instanceof NetworkError) return broken(response.message);
    const begun = await beginning(response, file, have);
    if ('is' in begun) {
      await response.body?.cancel().catch(() => undefined);
      return begun;
    }
    return await take(options, response, file, { ...begun, heard: () => stall.refresh() });
  } finally {
    clearTimeout(stall);
    // A server that still sends is left.
    stalled.abort();
  }
}

type Begun = { readonly at: number; readonly total: number };

async function beginning(response: Response, file: FileHandle, have: number): Promise<Begun | Turn> {
  const { status, headers } = response;
  const length = Number(headers.get('content-length') ?? 0);
  const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
  if (status === 206 && Number(from) === have && total !== undefined) return { at: have, total: Number(total) };
  if (status === 416 && Number(total) === have) return { is: 'whole' };
  if (status === 200) {
    // A server without ranges sends all of it again.
    await file.truncate(0);
    return { at: 0, total: length };
  }
  if (status === 206 || status === 416) {
    await file.truncate(0);
    return broken(`the server does not go on where it broke off (HTTP ${status})`);
  }
  if (status === 404 || status === 410) return refused('NOT_PUBLISHED', `there is nothing (HTTP ${status})`);
  const isPassing = status >= 500 || status === 408 || status === 429;
  const detail = `the server answers HTTP ${status}`;
  return isPassing ? broken(detail) : refused('UNREACHABLE', detail);
}

type Taking = Begun & { readonly heard: () => void };

async function take(
  { maxBytes, onProgress }: DownloadOptions,
  { body }: Response,
  file: FileHandle,
  { at, total, heard }: Taking,
): Promise<Turn> {
  let done = at;
  const chunks = body === null ? undefined : body[Symbol.asyncIterator]();
  while (chunks !== undefined) {
    const next = await chunks.next().catch(networkError);
    if (next instanceof NetworkError) return broken(next.message);
    if (next.done === true) break;
    heard();
    if (done + next.value.length > maxBytes) return refused('TOO_LARGE', `it is larger than ${maxBytes} bytes`);
    // Opened for appending: it goes behind what is there.
    await file.appendFile(next.value);
    done += next.value.length;
    onProgress(done, total);
  }
  return total === 0 || done === total ? { is: 'whole' } : broken(`it ended at ${done} of ${total} bytes`);
}

class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

/** fetch says `fetch failed` or `terminated`; why, says the cause. */
function networkError(error: unknown): NetworkError {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  const why = cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code') ?? '') : '';
  return new NetworkError(why === '' ? message : why);
}

/** A short text, such as a list of sums; nothing is left on the disk. */
export async function downloadText(
  options: Omit<DownloadOptions, 'onProgress' | 'maxBytes'>,
): Promise<Result<string, DownloadProblem>> {
  const { part } = options;
  await rm(part, { force: true });
  const got = await download({ ...options, maxBytes: 256 * 1024, onProgress: () => {} });
  try {
    if (!got.ok) return got;
    const file = await open(part, 'r');
    return ok(await file.readFile('utf8').finally(() => file.close()));
  } finally {
    await rm(part, { force: true });
  }
}
