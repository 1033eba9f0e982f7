/** Stands in for the daemon on its socket: whatever it is asked, each text of its answer has what a board would like to say in it. */
import { createServer } from 'node:http';

/** Answers by path; `undefined`: 404 with an error whose message is hostile, too. */
export type Answers = (method: string, path: string) => unknown;

/** `said` is laid around every text but those under `plain` keys, which are the daemon's own words. */
export const hostile = (value: unknown, said: string, plain: ReadonlySet<string>): unknown => {
  if (typeof value === 'string') return `${said}${value}${said}`;
  if (Array.isArray(value)) return value.map((one) => hostile(one, said, plain));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([key, one]) => [key, plain.has(key) ? one : hostile(one, said, plain)]);
  return Object.fromEntries(members);
};

/** Settles once it listens; closed by `close`. `said` is asked for every answer. */
export async function hostileDaemonDouble(
  socket: string,
  answers: Answers,
  said: () => string,
  plain: ReadonlySet<string>,
) {
  const server = createServer((request, response) => {
    request.resume();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://brambled');
    const answer = answers(request.method ?? 'GET', pathname);
    const found = answer !== undefined;
    const body = hostile(found ? answer : { code: 'NOT_FOUND', message: 'none of that name' }, said(), plain);
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    const { events } = found && typeof body === 'object' && body !== null && 'events' in body ? body : { events: [] };
    if (searchParams.get('follow') === '1' && Array.isArray(events))
      response.end(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    else response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
