/** Asks every board, round by round, whether it is there; and sees by all of them together whether our own link is. */
import { type Ipv4, type Millis, millis } from '../../../config/values.ts';
import { isHeardLately, ownLink } from '../../cluster/failover/probe-link.ts';
import {
  asksAtOnce,
  isMissed,
  judge,
  leftToAsk,
  type PathState,
  ROUND,
  TCP_WAIT,
  type TcpWay,
  tcpPorts,
  UDP_WAIT,
  unseen,
  type Way,
  wasInVain,
} from '../../cluster/failover/probe-path.ts';
import type { PathEvidence } from '../../cluster/failover/signs.ts';
import type { AskTcp, Clock, Log, OpenKnock } from '../../ports.ts';

export type ProbedBoard = { readonly name: string; readonly address: Ipv4 };
/** Where the boards' network is; `gateway`: if it is another machine's. */
export type OwnPlace = { readonly interface: string; readonly address: Ipv4; readonly gateway: Ipv4 | undefined };

export type PathProbeDeps = {
  /** Those that are to be there: asked for each round. */
  readonly boards: () => readonly ProbedBoard[];
  readonly place: () => OwnPlace | undefined;
  readonly openKnock: OpenKnock;
  readonly askTcp: AskTcp;
  readonly hasCarrier: (name: string) => Promise<boolean | undefined>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
};

export type PathProbe = {
  readonly evidence: (board: string) => PathEvidence;
  readonly ownLink: () => 'up' | 'down';
  /** Settles when the signal is aborted and every socket is closed. */
  readonly follow: (signal: AbortSignal, onTurn: () => void) => Promise<void>;
};

/**
 * Discard (RFC 863): below 1024 no client is given it, hardly anybody serves it, and who does swallows the datagram. Not one of
 * traceroute's, which firewalls know.
 */
const closedPort = 9;
/** Its key among the boards; no hostname. */
const gatewayKey = '(gateway)';

/** A moment after the last connection is given up. */
const JUDGED = millis(TCP_WAIT + 50);

/** The sets are those of this round. */
type Host = {
  readonly address: Ipv4;
  readonly from: Ipv4;
  readonly knocker: ReturnType<OpenKnock>;
  readonly asked: Set<Way>;
  readonly answered: Set<Way>;
  readonly unasked: Set<Way>;
  state: PathState;
};

export function createPathProbe(deps: PathProbeDeps): PathProbe {
  const { clock, log } = deps;
  const hosts = new Map<string, Host>();
  let link: 'up' | 'down' = 'up';

  /** Whoever has another address, or is asked from another one, begins anew. */
  function gather(place: OwnPlace): void {
    const wanted = new Map(deps.boards().map(({ name, address }) => [name, address]));
    if (place.gateway !== undefined && place.gateway !== place.address) wanted.set(gatewayKey, place.gateway);
    for (const [name, host] of hosts)
      if (wanted.get(name) !== host.address || host.from !== place.address) forget(name);
    for (const [name, address] of wanted) if (!hosts.has(name)) hosts.set(name, begin(name, address, place.address));
  }

  function begin(name: string, address: Ipv4, from: Ipv4): Host {
    const [asked, answered, unasked] = [new Set<Way>(), new Set<Way>(), new Set<Way>()];
    const knocker = deps.openKnock({ address, port: closedPort }, (echo, why) => {
      if (echo === 'answered') answered.add('udp');
      else {
        unasked.add('udp');
        log.debug('a board could not be probed', { name, address, cause: why });
      }
    });
    return { address, from, knocker, state: unseen, asked, answered, unasked };
  }

  function forget(name: string): void {
    hosts.get(name)?.knocker.close();
    hosts.delete(name);
  }

  function ask({ address, asked, answered, unasked }: Host, ways: readonly TcpWay[], signal: AbortSignal): void {
    for (const way of ways) {
      asked.add(way);
      void deps.askTcp({ address, port: tcpPorts[way] }, TCP_WAIT, signal).then((echo) => {
        if (echo === 'answered') answered.add(way);
        if (echo === 'unasked') unasked.add(way);
      });
    }
  }

  function begins(signal: AbortSignal): void {
    for (const [name, host] of hosts) {
      for (const ways of [host.asked, host.answered, host.unasked]) ways.clear();
      host.asked.add('udp');
      host.knocker.knock();
      // A router is not asked for open ports again and again; its datagram tells enough.
      if (name !== gatewayKey) ask(host, asksAtOnce(host.state), signal);
    }
  }

  /** Whether there are any. */
  function asksTheMissed(signal: AbortSignal): boolean {
    const all = [...hosts.values()];
    const missed = all.filter((host) => isMissed(host.state, host));
    // One was there a round ago, and now nobody is heard: it may be us.
    const isSudden = missed.some(({ state }) => state.evidence.path === 'alive');
    const isNobodyHeard = all.every(({ answered }) => answered.size === 0);
    for (const host of isSudden && isNobodyHeard ? all : missed) ask(host, leftToAsk(host.asked), signal);
    return missed.length > 0;
  }

  function ends(carrier: boolean | undefined): void {
    const all = [...hosts.values()];
    for (const host of all) host.state = judge(host.state, host);
    const lately = all.filter(({ state }) => isHeardLately(state));
    const now = ownLink(link, {
      ...{ carrier, hosts: all.length, lately: lately.length, missed: lately.filter(wasInVain).length },
      answered: all.filter(({ answered }) => answered.size > 0).length,
      unasked: all.filter(({ unasked }) => unasked.size > 0).length,
    });
    if (now !== link && all.length > 0)
      log.warn(now === 'down' ? 'nothing is heard of any board' : 'boards are heard again', { carrier });
    link = now;
  }

  /** What came while this process was busy is read before it is missed: timers come before sockets. */
  const rest = async (duration: Millis, signal: AbortSignal): Promise<void> => {
    await clock.sleep(duration, signal);
    await new Promise(setImmediate);
  };

  async function round(signal: AbortSignal): Promise<void> {
    const place = deps.place();
    if (place === undefined) {
      link = 'down';
      return await rest(ROUND, signal);
    }
    gather(place);
    begins(signal);
    await rest(UDP_WAIT, signal);
    // The cable is looked at only where it might be the reason: a look costs as much as five boards.
    const carrier = asksTheMissed(signal) ? await deps.hasCarrier(place.interface) : undefined;
    await rest(JUDGED, signal);
    ends(carrier);
    await rest(millis(ROUND - UDP_WAIT - JUDGED), signal);
  }

  return {
    evidence: (board) => hosts.get(board)?.state.evidence ?? unseen.evidence,
    ownLink: () => link,
    follow: async (signal, onTurn) => {
      while (!signal.aborted) {
        onTurn();
        await round(signal).catch((cause: unknown) => {
          if (!signal.aborted) throw cause;
        });
      }
      for (const name of hosts.keys()) forget(name);
    },
  };
}
