/** The moves under way, carried out through the gate: what each wants next is decided in `cluster/balance/run.ts`. */
import { assertNever, type Result } from '../../../config/result.ts';
import { fractionOf } from '../../cluster/backoff.ts';
import type { Deed, FlightEnd } from '../../cluster/balance/flight.ts';
import {
  afterDeed,
  ended,
  type Flight,
  judged,
  type Moving,
  nothingMoving,
  type RunLimits,
  stepAll,
} from '../../cluster/balance/run.ts';
import type { LeftSurge } from '../../cluster/balance/surge.ts';
import type { Gate, GateProblem } from '../../cluster/gate.ts';
import type { World } from '../../cluster/workloads/facts.ts';
import type { Log, Random } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { RunRecord } from './balance-record.ts';

export type MovesDeps = {
  readonly gate: Pick<Gate, 'evict' | 'scale' | 'setDeletionCost' | 'note'>;
  readonly forgetSurge: (
    deployment: LeftSurge['deployment'],
    signal: AbortSignal,
  ) => Promise<Result<void, GateProblem>>;
  readonly world: () => World;
  readonly random: Random;
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly log: Log;
  readonly limits: RunLimits;
  readonly record: RunRecord;
  /** For the event log. */
  readonly tell: (event: 'moved' | 'missed', reason: string) => Promise<void>;
};

export type Moves = {
  readonly now: () => Moving;
  readonly set: (moving: Moving) => void;
  /** Takes every one of them a step on, all calls of the API at the same time. `halted`: nothing new is begun. */
  readonly fly: (halted: boolean, signal: AbortSignal) => Promise<void>;
};

export function createMoves(deps: MovesDeps): Moves {
  const { gate, rests, log, limits, record } = deps;
  let moving: Moving = nothingMoving;

  async function carryOut(deed: Deed, signal: AbortSignal): Promise<Result<void, GateProblem>> {
    switch (deed.deed) {
      case 'evict':
        return await gate.evict(deed.pod, signal);
      case 'set-cost':
        return await gate.setDeletionCost(deed.pod, deed.cost, signal);
      case 'scale':
        return await gate.scale(deed.deployment, deed.from, deed.to, deed.note, signal);
      case 'forget-surge':
        return await deps.forgetSurge(deed.deployment, signal);
      default:
        return assertNever(deed);
    }
  }

  async function finish(flight: Flight, end: FlightEnd, signal: AbortSignal): Promise<void> {
    const [{ move }, world] = [flight, deps.world()];
    const verdict = judged(move, end, world);
    moving = ended(moving, flight, verdict, rests.elapsed(), limits);
    record.moveEnded(move, verdict);
    const said = verdict.end === 'landed' ? `moved to ${verdict.node}` : verdict.why;
    const fields = { pod: move.pod.name, title: move.title, from: move.from, to: move.to, end: verdict.end, said };
    if (verdict.end === 'overtaken') return log.info('a move came to nothing', fields);
    log.info('a move has ended', fields);
    await deps.tell(
      verdict.end === 'landed' ? 'moved' : 'missed',
      `${move.title} on ${move.from}: ${said}; ${move.why}`,
    );
    const node = world.nodes.find(({ name }) => name === move.from);
    if (node === undefined || verdict.end !== 'landed') return;
    const message = `${move.title}: ${move.pod.name} moved to ${verdict.node}: ${move.why}`;
    await gate.note(node, { type: 'Normal', reason: 'BrambleMoved', message }, signal);
  }

  async function fly(halted: boolean, signal: AbortSignal): Promise<void> {
    const [world, now, { flights }] = [deps.world(), rests.elapsed(), moving];
    const steps = stepAll(flights, world, { now, halted, limits: limits.flight });
    await Promise.all(
      flights.map(async (before, index) => {
        const step = steps[index] ?? {};
        let [flight, end] = [step.flight ?? before, step.end];
        if (step.deed !== undefined) {
          const result = await carryOut(step.deed, signal);
          log.debug('balance asked the API', { ...step.deed, answer: result.ok ? 'ok' : result.error.code });
          const fraction = fractionOf(deps.random.bytes(1));
          const next = afterDeed(flight, step.deed, result, { now, limits: limits.flight, fraction });
          [flight, end] = [next.flight ?? flight, next.end];
        }
        moving = { ...moving, flights: moving.flights.map((one) => (one === before ? flight : one)) };
        if (end !== undefined) await finish(flight, end, signal);
      }),
    );
  }

  return {
    now: () => moving,
    set: (next) => {
      moving = next;
    },
    fly,
  };
}
