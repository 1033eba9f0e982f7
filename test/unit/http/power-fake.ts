/** Nothing is planned, and whatever is asked for is noted. */
import { ok, problem } from '../../../config/result.ts';
import type { PowerRoutesDeps } from '../../../daemon/http/endpoints/power.ts';
import type { PowerView } from '../../../daemon/http/wire.ts';
import { deviceFake } from './views-fake.ts';

export type PowerFake = PowerRoutesDeps & { readonly asked: unknown[] };

/** `NOT_FOUND` for the board `nobody`, `CONFLICT` for `busy`. */
export function powerFake(): PowerFake {
  const asked: unknown[] = [];
  const view: PowerView = { run: null, last: null };
  const refused = (names: readonly string[]) =>
    names.includes('nobody')
      ? problem('NOT_FOUND', 'no board nobody')
      : names.includes('busy')
        ? problem('CONFLICT', 'busy: it is busy')
        : undefined;
  const onBoard = async (name: string, how: unknown) => {
    asked.push({ name, how });
    return refused([name]) ?? ok(deviceFake(name));
  };
  const onRun = async (how: { readonly boards: readonly string[] }) => {
    asked.push(how);
    return refused(how.boards) ?? ok(view);
  };
  return { asked, power: () => view, shutdown: onRun, startup: onRun, drain: onBoard, uncordon: onBoard };
}
