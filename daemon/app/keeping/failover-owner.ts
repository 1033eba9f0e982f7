/** `bramble failover` and `bramble confirm-off`, as the API has them. */
import { ok, problem } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { seconds } from '../../../config/values.ts';
import { fenceLimit } from '../../cluster/failover/breakers.ts';
import { signsText } from '../../cluster/failover/suspicion.ts';
import type { FailoverDeps } from '../../http/endpoints/failover.ts';
import type { FailoverBoardView, FailoverView } from '../../http/wire.ts';
import type { FailoverDesk } from './failover-desk.ts';
import { isTrusted, type Looked } from './lookout.ts';
import type { Pause } from './pause.ts';

export function failoverOwner(deps: {
  readonly config: Config['failover'];
  readonly desk: Pick<FailoverDesk, 'picture' | 'held' | 'now' | 'proofs'>;
  /** Why too little is known of the cluster to decide on; undefined: enough is. */
  readonly unknown: () => string | undefined;
  readonly pause: Pause;
  /** The board that goes by this name or id. */
  readonly boardNamed: (name: string) => { readonly name: string } | undefined;
  readonly signal: () => AbortSignal;
}): FailoverDeps {
  const { config, desk, pause } = deps;

  function failover(): FailoverView {
    const { workers, rack } = desk.picture();
    const paused = pause.now();
    return {
      ...{ mode: config.mode, after: config.after },
      paused: paused === undefined ? null : { by: paused.by, secondsLeft: secondsOf(paused.left) },
      held: desk.held()?.text ?? deps.unknown() ?? null,
      ...{ limit: fenceLimit(rack.nodes), fenced: rack.fenced },
      boards: workers.map(boardView).toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
    };
  }

  function boardView(looked: Looked): FailoverBoardView {
    const { node, sight, suspicion, isFenced } = looked;
    const pods = isFenced ? desk.proofs.waiting(looked).map(({ name }) => name) : [];
    return {
      name: node.name,
      verdict: verdictOf(looked, pods.length),
      ...{ path: sight.path, peer: sight.peer, power: sight.power },
      lease: secondsOf(sight.lease),
      signs: signsText(suspicion, desk.now()),
      pods,
    };
  }

  function verdictOf({ node, isFenced, isWatched, verdict }: Looked, pods: number): FailoverBoardView['verdict'] {
    if (desk.proofs.proofOf(node.name)?.step === 'given') return 'proven';
    if (isFenced) return pods > 0 ? 'waiting-for-proof' : 'fenced';
    return isWatched ? verdict : 'planned';
  }

  return {
    failover,
    askFailover: async ({ action, by, seconds: span }) => {
      if (action === 'resume') await pause.end(by);
      else await pause.set({ by, left: span === undefined ? undefined : seconds(span) });
      return failover();
    },
    confirmOff: async (named, by) => {
      const board = deps.boardNamed(named);
      if (board === undefined) return problem('NOT_FOUND', `no board ${named}`);
      const unknown = deps.unknown();
      if (unknown !== undefined) return problem('NOT_READY', unknown);
      const { workers } = desk.picture();
      const looked = workers.find(({ node }) => node.name === board.name);
      if (looked === undefined) return problem('CONFLICT', `${board.name} has no Node: nothing waits for it`);
      const peers = workers.filter(isTrusted).map(({ node }) => node.name);
      const end = await desk.proofs.confirm(looked, by, peers, deps.signal());
      return end.ok ? ok({ name: board.name, pods: end.value.map(({ name }) => name) }) : end;
    },
  };
}

const secondsOf = (span: number | undefined): number | null => (span === undefined ? null : Math.round(span / 1000));
