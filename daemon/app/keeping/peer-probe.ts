/** Asks other boards, over SSH, whether they reach one that the master does not hear. */
import { must } from '../../../config/result.ts';
import { type Ipv4, type Millis, parseIpv4, seconds } from '../../../config/values.ts';
import { tcpPorts } from '../../cluster/failover/probe-path.ts';
import { askScript, chooseTwo, scriptAnswer, seenFrom, together } from '../../cluster/failover/probe-peer.ts';
import type { Answer, Probes } from '../../cluster/failover/signs.ts';
import type { Joiner, PeerSession } from '../../join/index.ts';
import type { Clock, Log } from '../../ports.ts';
import { aborted } from '../lifetime.ts';

export type PeerProbeDeps = {
  /** As it is by now; undefined if its sshd is not known. */
  readonly board: (name: string) => Parameters<Joiner['lookFrom']>[0] | undefined;
  readonly lookFrom: Joiner['lookFrom'];
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
};

export type PeerProbe = {
  readonly ask: Probes['peer'];
  /** Settles when the signal is aborted and every connection is closed. Without it nobody is asked. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

/** Of one question to one peer, its login included. */
const DEADLINE = seconds(1.5);
/** A board on the same switch answers within milliseconds. */
const REACH = seconds(0.8);
/** A connection that nobody used for so long is closed. */
const WARM = seconds(60);
/** At a time: each is a few hundred kilobytes here. */
const CONNECTIONS = 4;
/** A peer that could not be connected to is left alone. */
const RECESS = seconds(30);

const itself = must(parseIpv4('127.0.0.1'));

type Kept = {
  readonly session: Promise<PeerSession | undefined>;
  readonly end: () => void;
  isUsed: boolean;
  /** Its sshd opens no connections for us. */
  isUnable: boolean;
};

export function createPeerProbe({ board, lookFrom, clock, log }: PeerProbeDeps): PeerProbe {
  const connections = new Map<string, Kept>();
  const underWay = new Set<Promise<void>>();
  const inRecess = new Set<string>();
  let life: AbortSignal | undefined;
  let turn = 0;

  function connect(name: string, signal: AbortSignal): Kept | undefined {
    const peer = board(name);
    if (peer === undefined || connections.size >= CONNECTIONS) return undefined;
    const ending = new AbortController();
    const both = AbortSignal.any([signal, ending.signal]);
    const { promise: session, resolve } = Promise.withResolvers<PeerSession | undefined>();
    const leave = (): void => {
      if (connections.get(name) === kept) connections.delete(name);
    };
    const end = (): void => {
      leave();
      ending.abort();
    };
    const kept: Kept = { session, end, isUsed: true, isUnable: false };
    connections.set(name, kept);
    const held = lookFrom(peer, both, async (from) => {
      resolve(from);
      while (kept.isUsed) {
        kept.isUsed = false;
        await clock.sleep(WARM, both);
      }
      leave();
    });
    const closed = held
      .then(
        (end) => {
          if (end.ok) return;
          log.warn('a board could not be asked about another one', { name, ...end.error });
          pause(name, signal);
        },
        () => undefined,
      )
      .then(() => {
        resolve(undefined);
        leave();
        underWay.delete(closed);
      });
    underWay.add(closed);
    return kept;
  }

  function pause(name: string, signal: AbortSignal): void {
    inRecess.add(name);
    const over = (): void => void inRecess.delete(name);
    clock.sleep(RECESS, signal).then(over, over);
  }

  async function askPeer(name: string, address: Ipv4, signal: AbortSignal): Promise<Answer> {
    const kept = connections.get(name) ?? connect(name, signal);
    const from = await kept?.session;
    if (kept === undefined || from === undefined) return 'unknown';
    kept.isUsed = true;
    const seen = kept.isUnable ? 'unable' : await lookAt(from, address);
    if (seen === 'unknown') kept.end();
    if (seen !== 'unable') return seen;
    kept.isUnable = true;
    const words = ['-c', askScript, address, String(tcpPorts.kubelet)];
    const said = await from.run('sh', words, { timeout: DEADLINE });
    return said.ok ? scriptAnswer(said.value.stdout) : 'unknown';
  }

  async function within(duration: Millis, signal: AbortSignal, work: Promise<Answer>): Promise<Answer> {
    const over = new AbortController();
    const unknown = (): Answer => 'unknown';
    const late = clock.sleep(duration, AbortSignal.any([signal, over.signal])).then(unknown, unknown);
    try {
      return await Promise.race([work, late]);
    } finally {
      over.abort();
    }
  }

  return {
    ask: async (name, peers, caller) => {
      const address = board(name)?.address;
      if (life === undefined || life.aborted || address === undefined) return 'unknown';
      const [able, isFull] = [
        peers.filter((one) => one !== name && !inRecess.has(one)),
        connections.size >= CONNECTIONS,
      ];
      const chosen = chooseTwo(able, turn, (peer) => connections.has(peer), isFull);
      turn += 1;
      const signal = life;
      const either = AbortSignal.any([caller, signal]);
      const answers = chosen.map((peer) =>
        within(
          DEADLINE,
          either,
          askPeer(peer, address, signal).catch((): Answer => 'unknown'),
        ),
      );
      return together(await Promise.all(answers));
    },
    follow: async (signal) => {
      life = signal;
      await aborted(signal);
      await Promise.all(underWay);
    },
  };
}

async function lookAt(from: PeerSession, address: Ipv4): Promise<Answer | 'unable'> {
  const [kubelet, ssh, control] = await Promise.all([
    from.reaches(address, tcpPorts.kubelet, REACH),
    from.reaches(address, tcpPorts.ssh, REACH),
    from.reaches(itself, tcpPorts.ssh, REACH),
  ]);
  return seenFrom([kubelet, ssh], control);
}
