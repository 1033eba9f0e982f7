/** A balance that has one move to make, makes it when it is asked to, and is paused by whoever likes. */
import { ok, problem } from '../../../config/result.ts';
import type { BalanceDeps } from '../../../daemon/http/endpoints/balance.ts';
import type { BalancePlanView, BalanceRunView, BalanceView } from '../../../daemon/http/wire.ts';

const owner = { owner: 'uid-web', title: 'Deployment default/web' } as const;
const counts = { before: { 'worker-kube1': 2, 'worker-kube2': 0 }, after: { 'worker-kube1': 1, 'worker-kube2': 1 } };
const way = { from: 'worker-kube1', to: 'worker-kube2', why: 'worker-kube1 has 2 of its pods, worker-kube2 none' };

export const planFake: BalancePlanView = {
  moves: [{ ...owner, ...counts, ...way, pod: { name: 'default/web-1', uid: 'u1' }, goal: 'spread', method: 'evict' }],
  skipped: [{ owner: 'uid-db', title: 'StatefulSet default/db', code: 'protected', reason: 'its data is on its node' }],
  spread: [{ ...owner, ...counts }],
  objective: {
    before: { misplaced: 0, uneven: 4, load: 2 },
    after: { misplaced: 0, uneven: 2, load: 1 },
  },
};

export function balanceFake(): BalanceDeps {
  let paused: BalanceView['paused'] = null;
  let run: BalanceRunView | null = null;
  const balance = (): BalanceView => {
    const state = paused === null ? 'idle' : 'paused';
    return { mode: 'on-change', state, detail: paused === null ? '' : `by ${paused.by}`, paused, run };
  };
  return {
    balance,
    balancePlan: () => ok(planFake),
    askBalance: async ({ action, by, seconds }) => {
      if (action === 'pause') paused = { by, secondsLeft: seconds ?? null };
      if (action === 'resume') paused = null;
      if (action === 'run' && paused !== null) return problem('CONFLICT', 'balance is paused: bramble balance resume');
      const move = { ...way, number: 1, title: owner.title, pod: 'default/web-1', outcome: 'landed' } as const;
      if (action === 'run')
        run = {
          ...{
            number: (run?.number ?? 0) + 1,
            reason: `${by} asked for it`,
            end: 'even',
            detail: '1 pod moved',
            landed: 1,
          },
          moves: [{ ...move, detail: 'worker-kube2' }],
        };
      return ok(balance());
    },
  };
}
