/**
 * Failover: boards that are gone are fenced, so that their pods run elsewhere within seconds, and let in again once they are back
 * for good. What is decided is decided in `cluster/failover/`; this is where it meets the watches, the probes, the gate, the disk
 * and the owner. Node taints are what lasts: after a restart they are read, and everything else is looked at anew.
 */
import type { Config } from '../../../config/schema.ts';
import { type Millis, millis, seconds } from '../../../config/values.ts';
import { blanket, decide, type Held, type Storm, type Surroundings } from '../../cluster/failover/breakers.ts';
import type { Probes } from '../../cluster/failover/signs.ts';
import { isSteady, type Returns, type Steadiness, steady, steadyTime } from '../../cluster/failover/steadiness.ts';
import { isFenced as hasFence } from '../../cluster/taints.ts';
import { isFresh } from '../../cluster/workloads/fresh.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { createFences, type FenceDeps } from './fences.ts';
import { createInquiries } from './inquiries.ts';
import { createLookout, isSilent, type Looked, nothingSeen, type Observed, type Picture } from './lookout.ts';
import type { Pause } from './pause.ts';
import { createProofDesk, type ProofDesk, type ProofDeskDeps } from './proof-desk.ts';

export type FailoverDeskDeps = FenceDeps &
  Omit<ProofDeskDeps, 'world' | 'lookAgain'> & {
    readonly config: Config['failover'];
    readonly observed: Observed & {
      /** Of its oldest part; undefined: not all was read yet. */
      readonly age: () => Millis | undefined;
    };
    readonly probes: Probes;
    readonly boards: Parameters<typeof createLookout>[0]['boards'];
    readonly pause: Pause;
    /** A board that was fenced is back, and let in. */
    readonly onBack: (board: string) => void;
    readonly onNotice: () => void;
    readonly commit: Store['commit'];
    readonly clock: Clock;
    readonly log: Log;
    readonly onTurn?: () => void;
  };

export type FailoverDesk = {
  /** As of the last turn. */
  readonly picture: () => Picture;
  readonly held: () => Held | undefined;
  readonly proofs: Pick<ProofDesk, 'confirm' | 'waiting' | 'proofOf'>;
  readonly now: () => Millis;
  readonly advice: () => readonly string[];
  /** Settles when the signal is aborted and nothing is under way any more. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

export const FAILOVER_TURN = millis(500);
/** What waits for proof is looked at every so many turns. */
const PROOF_TURNS = 4;
/** A deed that did not work is tried again after this. */
const AGAIN = seconds(3);

export function createFailoverDesk(deps: FailoverDeskDeps): FailoverDesk {
  const { config, observed, probes, pause, clock, log } = deps;
  let now = millis(0);
  let picture: Picture = nothingSeen;
  let storm: Storm;
  let held: Held | undefined;
  /** These by Node: why nothing was done about it, as told; how steady it is; its last return; until when it is left alone. */
  const told = new Map<string, string>();
  let toldHeld: string | undefined;
  const steadiness = new Map<string, Steadiness & { readonly needed: Millis }>();
  const returns = new Map<string, Returns>();
  const resting = new Map<string, Millis>();
  const underWay = new Map<string, Promise<void>>();
  /** Nodes, by uid, whose fence is on its way and was not seen by the watch yet: they count as fenced. */
  const placed = new Set<string>();

  const inquiries = createInquiries(probes, () => now);
  const lookout = createLookout({ ...deps, inquiries, after: seconds(config.after) });
  const fences = createFences(deps);
  const lookAgain = (uid: string): Looked | undefined => picture.workers.find(({ node }) => node.uid === uid);
  const proofs = createProofDesk({ ...deps, lookAgain, world: observed.world });

  const surroundings = (): Surroundings => ({
    uptime: now,
    mode: config.mode,
    paused: pausedText(pause),
    heard: observed.age(),
    ownLink: probes.ownLink(),
  });

  /** One thing at a time for each Node; what throws is logged, and tried again later. */
  function begin(node: string, job: () => Promise<boolean>, signal: AbortSignal): void {
    if (underWay.has(node) || (resting.get(node) ?? 0) > now) return;
    const restIf = (isToRest: boolean): void => {
      if (isToRest) resting.set(node, millis(now + AGAIN));
      else resting.delete(node);
    };
    const work = job()
      .then(
        (done) => restIf(!done),
        (error: unknown) => {
          restIf(true);
          if (!signal.aborted) log.error('failover is interrupted, and goes on', { node, error: String(error) });
        },
      )
      .finally(() => underWay.delete(node));
    underWay.set(node, work);
  }

  function turn(count: number, signal: AbortSignal): void {
    picture = lookout.look(now, placed);
    for (const { node } of picture.workers) if (hasFence(node)) placed.delete(node.uid);
    const around = surroundings();
    const decision = decide(storm, picture.rack, around, now);
    ({ storm, held } = decision);
    if (config.mode === 'on') lookout.inquire(picture, now, signal);
    const isGone = new Set(decision.fence);
    for (const looked of picture.workers) {
      const { node } = looked;
      if (isGone.has(node.name)) begin(node.name, () => fence(looked, signal), signal);
      else if (looked.isFenced) watchReturn(looked, signal);
    }
    if (isKnown() && count % PROOF_TURNS === 0)
      lookForProofs(blanket(around) === undefined && storm === undefined, signal);
    forget();
    tellHeld(signal);
  }

  async function fence({ node }: Looked, signal: AbortSignal): Promise<boolean> {
    /** All of it again, but for the breakers that count: this one is counted. */
    const isStillGone = (): boolean =>
      lookAgain(node.uid)?.verdict === 'gone' && blanket(surroundings()) === undefined && storm === undefined;
    const gone = lookAgain(node.uid);
    if (gone === undefined) return true;
    placed.add(node.uid);
    const end = await fences.put(gone, now, isStillGone, signal).catch((error: unknown) => {
      placed.delete(node.uid);
      throw error;
    });
    if (end !== 'fenced') placed.delete(node.uid);
    return end !== 'failed';
  }

  function watchReturn(looked: Looked, signal: AbortSignal): void {
    const { name } = looked.node;
    const before = steadiness.get(name);
    const needed = before?.needed ?? steadyTime(returns.get(name), now);
    const after = { ...steady(before, looked, now), needed };
    steadiness.set(name, after);
    const isMeant = isKnown() && proofs.proofOf(name) === undefined;
    if (isMeant && isSteady(after, now, needed)) begin(name, () => unfence(looked, needed, signal), signal);
  }

  async function unfence(looked: Looked, needed: Millis, signal: AbortSignal): Promise<boolean> {
    const done = await fences.remove(looked, needed, signal);
    if (!done) return false;
    const { name } = looked.node;
    returns.set(name, { needed, at: now });
    steadiness.delete(name);
    deps.onBack(name);
    return true;
  }

  function lookForProofs(mayCutPower: boolean, signal: AbortSignal): void {
    for (const looked of picture.workers) {
      const { name } = looked.node;
      if (looked.isFenced || proofs.proofOf(name) !== undefined)
        begin(
          name,
          async () => {
            await proofs.turn(looked, mayCutPower, now, signal);
            return true;
          },
          signal,
        );
    }
    const nodes = new Set(observed.world().nodes.map(({ name }) => name));
    begin('', () => proofs.settleGone(nodes, signal).then(() => true), signal);
  }

  /** What is kept of Nodes goes with them. */
  function forget(): void {
    const names = new Set(picture.workers.map(({ node }) => node.name));
    const uids = new Set(picture.workers.map(({ node }) => node.uid));
    for (const uid of placed) if (!uids.has(uid)) placed.delete(uid);
    for (const map of [told, steadiness, returns, resting])
      for (const name of map.keys()) if (name !== '' && !names.has(name)) map.delete(name);
    for (const { node, isFenced } of picture.workers) if (!isFenced) steadiness.delete(node.name);
  }

  /** Once for each reason, and on each Node, as long as boards are gone. */
  function tellHeld(signal: AbortSignal): void {
    const { gone } = picture.rack;
    for (const name of told.keys()) if (!gone.includes(name)) told.delete(name);
    if (gone.length === 0) toldHeld = undefined;
    if (held === undefined || held.code === 'off' || held.code === 'cool-down') return;
    const { code, text } = held;
    const left = picture.workers.filter(({ node }) => gone.includes(node.name) && !underWay.has(node.name));
    const news = left.filter(({ node }) => told.get(node.name) !== code);
    for (const { node } of news) {
      told.set(node.name, code);
      void deps.gate
        .note(node, { type: 'Warning', reason: 'BrambleNotFenced', message: text }, signal)
        .catch(() => undefined);
    }
    if (news.length === 0 || toldHeld === code) return;
    toldHeld = code;
    const boards = code === 'storm' ? picture.rack.suspects : gone;
    log.warn('boards are gone, and nothing is done about it', { boards, code, why: text });
    const reason = `${boards.join(', ')}: ${text}`;
    deps
      .commit([{ write: 'append-notice', at: clock.now(), name: 'failover-held', reason }])
      .then(deps.onNotice, (error: unknown) =>
        log.error('what failover leaves undone was not written', { error: String(error) }),
      );
  }

  async function follow(signal: AbortSignal): Promise<void> {
    for (let count = 0; !signal.aborted; count += 1) {
      deps.onTurn?.();
      try {
        turn(count, signal);
      } catch (error) {
        log.error('failover does not look at boards', { error: String(error) });
      }
      await clock.sleep(FAILOVER_TURN, signal).then(
        () => {
          now = millis(now + FAILOVER_TURN);
        },
        () => undefined,
      );
    }
    await Promise.all([...underWay.values(), inquiries.atRest()]);
  }

  function advice(): readonly string[] {
    const paused = config.mode === 'on' ? pausedText(pause) : undefined;
    const isNews =
      held !== undefined && !['off', 'paused', 'starting'].includes(held.code) && picture.rack.suspects.length > 0;
    return [
      ...(isNews && held !== undefined ? [`nothing is fenced: ${held.text}`] : []),
      ...picture.workers.flatMap(unwitnessed),
      ...(paused === undefined ? [] : [`failover is ${paused}`]),
    ];
  }

  /** Its board is in another state than the one that says it. */
  function unwitnessed(looked: Looked): readonly string[] {
    const { node, device, isFenced } = looked;
    if (!isFenced || device?.state.name === 'waiting-for-proof' || !isSilent(looked)) return [];
    const pods = proofs.waiting(looked).length;
    if (pods === 0 || proofs.proofOf(node.name) !== undefined) return [];
    return [`waiting for proof: power off ${node.name} and run \`bramble confirm-off ${node.name}\``];
  }

  const isKnown = (): boolean => isFresh(observed);

  return { picture: () => picture, held: () => held, proofs, now: () => now, advice, follow };
}

/** By the owner or by planned work; undefined: it is not. */
export function pausedText(pause: Pick<Pause, 'now' | 'holds'>): string | undefined {
  const paused = pause.now();
  if (paused === undefined) {
    const [why] = pause.holds();
    return why === undefined ? undefined : `paused: ${why}`;
  }
  const left = paused.left === undefined ? '' : ` for ${Math.ceil(paused.left / 60_000)} min more`;
  return `paused by ${paused.by}${left}: bramble failover resume ends that`;
}
