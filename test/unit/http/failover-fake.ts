/** What the daemon says of failover, as a double. */
import { ok, problem } from '../../../config/result.ts';
import type { FailoverDeps } from '../../../daemon/http/endpoints/failover.ts';
import type { FailoverBoardView, FailoverView } from '../../../daemon/http/wire.ts';

export const failoverBoardFake = (name: string, changes: Partial<FailoverBoardView> = {}): FailoverBoardView => ({
  ...{ name, verdict: 'well', path: 'alive', peer: 'unknown', power: 'unknown', lease: 4, signs: '', pods: [] },
  ...changes,
});

export const failoverViewFake = (changes: Partial<FailoverView> = {}): FailoverView => ({
  ...{ mode: 'on', after: 4, paused: null, held: null, limit: 1, fenced: 0 },
  boards: [failoverBoardFake('worker-kube1')],
  ...changes,
});

/** `waiting`: the board of which a pod waits for proof. */
export function failoverFake(waiting?: string): FailoverDeps {
  let paused: FailoverView['paused'] = null;
  const boards = (): FailoverView['boards'] =>
    waiting === undefined
      ? [failoverBoardFake('worker-kube1')]
      : [failoverBoardFake(waiting, { verdict: 'waiting-for-proof', path: 'silent', pods: ['default/db-0'] })];
  const failover = (): FailoverView => failoverViewFake({ paused, boards: boards() });
  return {
    failover,
    askFailover: async ({ action, by, seconds }) => {
      paused = action === 'resume' ? null : { by, secondsLeft: seconds ?? null };
      return failover();
    },
    confirmOff: async (name) => {
      if (name === 'worker-kube9') return problem('NOT_FOUND', 'no board worker-kube9');
      return name === waiting
        ? ok({ name, pods: ['default/db-0'] })
        : problem('CONFLICT', `nothing of ${name} waits for proof`);
    },
  };
}
