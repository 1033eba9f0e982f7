/** A window that anybody may open, and that no time closes. */
import { ok, problem } from '../../../config/result.ts';
import type { OpenDeps } from '../../../daemon/http/endpoints/open.ts';
import type { OpeningView } from '../../../daemon/http/wire.ts';

/** As much as this, boards are let in. */
export const openingLimit = 32;

export function openingFake(): OpenDeps {
  let open: OpeningView | null = null;
  return {
    opening: () => open,
    setOpening: async ({ boards, seconds, by }) => {
      if (boards > openingLimit) return problem('CONFLICT', `at most ${openingLimit} boards an hour`);
      open = boards === 0 ? null : { by, boards, secondsLeft: seconds };
      return ok(open);
    },
  };
}
