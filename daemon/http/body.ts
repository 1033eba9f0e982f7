/** What a request on the unix socket says in its body: JSON of whoever may reach the socket. */
import type { HttpRequest } from './router.ts';

export type Body = Readonly<Record<string, unknown>>;

/** Empty is an empty object; undefined: no JSON object. */
export function bodyOf({ body }: Pick<HttpRequest, 'body'>): Body | undefined {
  if (body.trim() === '') return {};
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

export const isPerson = (name: unknown): name is string => typeof name === 'string' && /^[\w.@-]{1,64}$/.test(name);

/** Who asks, as he says. Undefined: that is no name. */
export function requesterIn(body: Body | undefined): string | undefined {
  const by = body?.['by'] ?? 'owner';
  return body !== undefined && isPerson(by) ? by : undefined;
}

export const isWhole = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

/** The longest pause of a keeper; for longer it is told to stop. */
export const PAUSE_MAX = 30 * 24 * 3600;

export type KeeperWish<Action extends string> = {
  readonly action: Action;
  readonly by: string;
  readonly seconds?: number;
};

/** `seconds` goes with `pause` only. */
export function keeperWishIn<Action extends string>(
  request: Pick<HttpRequest, 'body'>,
  actions: readonly Action[],
): KeeperWish<Action> | undefined {
  const body = bodyOf(request);
  const [action, by, seconds] = [actions.find((one) => one === body?.['action']), requesterIn(body), body?.['seconds']];
  if (action === undefined || by === undefined) return undefined;
  if (seconds === undefined) return { action, by };
  return action === 'pause' && isWhole(seconds, 1, PAUSE_MAX) ? { action, by, seconds } : undefined;
}
