/**
 * Keeps a copy of one resource, as facts 5.3 asks for: list, watch with bookmarks, our own silence timer, list again
 * after 410, jittered back-off, bounded lines, and a gauge of how old what we know is. client-node's informer stops for
 * good after any other error (facts 5.2).
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, millis, minutes, seconds } from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import type { Rests } from '../rests.ts';
import type { Api } from './api.ts';
import { backoff, fractionOf } from './backoff.ts';
import { LineTooLong, lineSplitter } from './lines.ts';
import { createListReader } from './list-reader.ts';
import { type ListPage, nameOf, readWatchLine, type WatchEvent } from './watch-event.ts';

export type Change<T> =
  | { readonly type: 'added' | 'changed'; readonly item: T }
  | { readonly type: 'removed'; readonly item: T };

export type Reflector<T> = {
  /** By name. Empty until the first list. */
  readonly items: ReadonlyMap<string, T>;
  /** Whether a list has ever been read. */
  readonly synced: () => boolean;
  /**
   * How long ago the server was last heard on this resource: nothing may be decided on a copy that is too old. In rests: the wall
   * clock may be set back while the server is away, and old news would look fresh.
   */
  readonly age: () => Millis | undefined;
  /** Its watch stands: what the server has to say about this resource is heard at once, and silence means that nothing changed. */
  readonly isOpen: () => boolean;
  /** Why it is not, at the last attempt. */
  readonly trouble: () => Problem | undefined;
  /** Settles once the signal is aborted and everything is closed. */
  readonly done: Promise<void>;
};

export type ReflectOptions<T> = {
  readonly api: Api;
  /** Of the collection: `/api/v1/nodes`. */
  readonly path: string;
  /** The slim copy of one object, called as `nameOf` has it; undefined if it is not to be kept. Cheap: it runs for every event. */
  readonly project: (object: unknown) => T | undefined;
  /** Whether two slim copies say the same; as JSON unless given. */
  readonly isSame?: (a: T, b: T) => boolean;
  /** An older server does not know the resource (404, facts 6.6): then there are none, and it is asked again with the next resync. */
  readonly mayBeUnknown?: boolean;
  /** What it throws is logged; the watch goes on. */
  readonly onChange: (change: Change<T>) => void;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Of a second each. */
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly limits?: Partial<ReflectLimits>;
};
export type ReflectLimits = { readonly inactivity: Millis; readonly resync: Millis; readonly lineBytes: number };

/** Bookmarks come about once a minute. A Node with fifty images is some 30 KB. */
const usualLimits: ReflectLimits = { inactivity: seconds(75), resync: minutes(10), lineBytes: 4 * 1024 * 1024 };

/** A watch that breaks earlier never worked. Two rests: a second at least went by between them. */
const LASTED = seconds(2);

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export function reflect<T extends { readonly name: string }>(options: ReflectOptions<T>): Reflector<T> {
  const { clock, rests, random, log, signal, path, isSame = sameJson } = options;
  const limits = { ...usualLimits, ...options.limits };
  const items = new Map<string, T>();
  /** These two by `rests`. */
  let heard: Millis | undefined;
  let listed: Millis | undefined;
  let open = false;
  /** In the last attempt. */
  let wasOpen = false;
  let trouble: Problem | undefined;
  let version = '';
  /** Whether the next list may come from the server's cache, which can be as old as what has just expired. */
  let fromCache = true;

  const report = (change: Change<T>): void => {
    try {
      options.onChange(change);
    } catch (error) {
      log.error('a change could not be handled', { path, name: change.item.name, error: String(error) });
    }
  };
  const upsert = (item: T): void => {
    const before = items.get(item.name);
    items.set(item.name, item);
    // Heartbeats change an object ten times a minute and nothing in its slim copy.
    if (before === undefined) report({ type: 'added', item });
    else if (before !== item && !isSame(before, item)) report({ type: 'changed', item });
  };
  const remove = (name: string): void => {
    const item = items.get(name);
    if (item !== undefined && items.delete(name)) report({ type: 'removed', item });
  };

  /** What is found as it is known already is taken from there, so that nothing is held twice. */
  const keep = (found: Map<string, T>, object: unknown): void => {
    const item = options.project(object);
    const known = item && items.get(item.name);
    if (item !== undefined) found.set(item.name, known !== undefined && isSame(known, item) ? known : item);
  };

  const readPage = async (query: string, found: Map<string, T>): Promise<Result<ListPage, Problem>> => {
    const reader = createListReader(limits.lineBytes, (object) => keep(found, object));
    try {
      const answer = await options.api.stream(query, { signal, inactivity: seconds(30), onChunk: reader.push });
      return answer.ok ? reader.end() : answer;
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof LineTooLong)
        return problem('WATCH_GARBAGE', error.message.slice(0, 200));
      throw error;
    }
  };

  const readList = async (): Promise<Result<void, Problem>> => {
    const found = new Map<string, T>();
    let next: string | undefined;
    let listVersion: string;
    do {
      const where =
        next === undefined ? (fromCache ? '&resourceVersion=0' : '') : `&continue=${encodeURIComponent(next)}`;
      const page = await readPage(`${path}?limit=500${where}`, found);
      if (!page.ok) return page;
      listVersion = page.value.version;
      next = page.value.next;
    } while (next !== undefined);
    version = listVersion;
    heard = rests.elapsed();
    listed = heard;
    fromCache = true;
    for (const name of [...items.keys()]) if (!found.has(name)) remove(name);
    for (const item of found.values()) upsert(item);
    return ok(undefined);
  };

  const apply = (event: WatchEvent): void => {
    version = event.version;
    if (event.type === 'bookmark') return;
    const item = event.type === 'delete' ? undefined : options.project(event.object);
    if (item !== undefined) upsert(item);
    else remove(nameOf(event.object) ?? '');
  };

  const readWatch = async (): Promise<Result<void, Problem>> => {
    const split = lineSplitter(limits.lineBytes);
    const end = 290 + Math.floor(fractionOf(random.bytes(1)) * 20);
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${end}&resourceVersion=${encodeURIComponent(version)}`;
    try {
      return await options.api.stream(`${path}?${query}`, {
        ...{ signal, inactivity: limits.inactivity },
        onOpen: () => {
          [open, wasOpen, trouble, heard] = [true, true, undefined, rests.elapsed()];
        },
        onChunk: (chunk) => {
          heard = rests.elapsed();
          for (const line of split(chunk)) {
            const event = readWatchLine(line);
            if (!event.ok) throw new WatchBroken(event.error);
            apply(event.value);
          }
        },
      });
    } catch (error) {
      if (error instanceof WatchBroken) return { ok: false, error: error.problem };
      if (error instanceof LineTooLong) return { ok: false, error: { code: 'WATCH_GARBAGE', detail: error.message } };
      throw error;
    } finally {
      open = false;
    }
  };

  /** Settles when it is time to ask whether the server knows the resource by now. */
  const liveWithout = async (): Promise<void> => {
    for (const name of [...items.keys()]) remove(name);
    [version, open, trouble, heard] = ['0', true, undefined, rests.elapsed()];
    await clock.sleep(limits.resync, signal).finally(() => {
      open = false;
    });
  };

  /**
   * One list or one watch. `healthy` tells that the server is worth asking again at once, `worked` that it broke only
   * after it had worked for a while: earlier failures do not count any more.
   */
  const step = async (): Promise<{ healthy: boolean; worked?: boolean; error?: Problem }> => {
    if (listed === undefined) {
      const end = await readList();
      if (!end.ok && end.error.code === 'API_NOT_FOUND' && options.mayBeUnknown) {
        await liveWithout();
        return { healthy: true };
      }
      if (!end.ok && end.error.code === 'API_GONE') fromCache = false;
      return end.ok ? { healthy: true } : { healthy: false, error: end.error };
    }
    const started = rests.elapsed();
    wasOpen = false;
    const end = await readWatch();
    // Ended in order: that was heard, too.
    if (end.ok) heard = rests.elapsed();
    // Expired, or not to be understood: only a fresh list is certain. Otherwise go on where it stopped.
    const lost = !end.ok && ['API_GONE', 'WATCH_EXPIRED', 'WATCH_GARBAGE', 'WATCH_FAILED'].includes(end.error.code);
    if (lost && !end.ok) fromCache = end.error.code === 'WATCH_GARBAGE';
    if (lost || rests.elapsed() - listed > limits.resync) listed = undefined;
    // A server that ends every watch at once must not be asked tens of times a second (client-node issue 1933).
    const lasted = rests.elapsed() - started >= LASTED;
    return end.ok ? { healthy: lasted } : { healthy: false, worked: lasted && wasOpen, error: end.error };
  };

  /** Nothing that the server sends may end the loop. */
  const attempt = async (): ReturnType<typeof step> => {
    try {
      return await step();
    } catch (error) {
      signal.throwIfAborted();
      log.error('watch broken', { path, error: String(error) });
      listed = undefined;
      return { healthy: false };
    }
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { healthy, worked = false, error } = await attempt();
        if (worked) failures = 0;
        trouble = error;
        if (error !== undefined) log.debug('watch interrupted', { path, code: error.code, detail: error.detail });
        if (error !== undefined && failures === 3)
          log.warn('watch keeps failing', { path, code: error.code, detail: error.detail });
        failures = healthy ? 0 : failures + 1;
        if (failures > 0) await clock.sleep(backoff(failures - 1, fractionOf(random.bytes(1))), signal);
      } catch {
        // Only sleep is left to throw, when the signal is aborted; the loop's condition ends it.
      }
    }
  };

  return {
    items,
    synced: () => version !== '',
    age: () => (heard === undefined ? undefined : millis(rests.elapsed() - heard)),
    isOpen: () => open,
    trouble: () => trouble,
    done: run(),
  };
}

/** Takes a Problem out of a callback. */
class WatchBroken extends Error {
  readonly problem: Problem;
  constructor(broken: Problem) {
    super(broken.detail);
    this.problem = broken;
  }
}
