/** `bramble open`, as the API has it. */
import { ok, problem } from '../../../config/result.ts';
import { seconds } from '../../../config/values.ts';
import type { OpenDeps } from '../../http/endpoints/open.ts';
import type { OpeningView } from '../../http/wire.ts';
import type { OpeningDesk } from '../boards/opening.ts';

export function openingDesk(desk: OpeningDesk, limit: number): OpenDeps {
  const opening = (): OpeningView | null => {
    const open = desk.now();
    return open === undefined ? null : { by: open.by, boards: open.boards, secondsLeft: Math.ceil(open.left / 1000) };
  };
  const setOpening: OpenDeps['setOpening'] = async ({ boards, seconds: span, by }) => {
    if (boards > limit)
      return problem(
        'CONFLICT',
        `at most ${limit} boards an hour are accepted by themselves: open for fewer, or raise admission.limit in bramble.yaml`,
      );
    if (boards === 0) await desk.close(by);
    else await desk.open({ by, boards, left: seconds(span) });
    return ok(opening());
  };
  return { opening, setOpening };
}
