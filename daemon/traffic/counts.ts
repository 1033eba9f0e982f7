/** What became of everything that came in from the network, as numbers. The services report it through a plain function. */

export const protocols = ['dhcp', 'tftp', 'mdns', 'http'] as const;
/** Of `dhcp` and `mdns` datagrams are counted, of `tftp` and `http` requests. */
export type Protocol = (typeof protocols)[number];

export const outcomes = [
  /** Something useful was sent back. */
  'answered',
  /** The same as one that is in work: they get one answer. */
  'repeated',
  /** Understood, and not ours to answer. */
  'ignored',
  /** Told, or by silence, that this cannot be had: no such file, no address for strangers. */
  'refused',
  /** Our own fault; the log has it. */
  'failed',
  /** It cannot be read. */
  'malformed',
  /** Its sender, or all senders that we do not know together, sent more than they may. */
  'flood',
  /** Too much is in work already. */
  'capacity',
  /** The kernel had no room for it: more came in than this machine can even look at. */
  'overrun',
] as const;
export type Outcome = (typeof outcomes)[number];

/** Told once for each datagram or request. */
export type Count = (outcome: Outcome) => void;
/** Since the start of the process. */
export type Traffic = Readonly<Record<Protocol, Readonly<Record<Outcome, number>>>>;

export type Tally = {
  readonly count: (protocol: Protocol) => Count;
  readonly now: () => Traffic;
};

export function createTally(): Tally {
  const counted: Record<Protocol, Record<Outcome, number>> = { dhcp: none(), tftp: none(), mdns: none(), http: none() };
  return {
    count: (protocol) => {
      const of = counted[protocol];
      return (outcome) => {
        of[outcome] += 1;
      };
    },
    now: () => structuredClone(counted),
  };
}

const none = (): Record<Outcome, number> => ({
  answered: 0,
  repeated: 0,
  ignored: 0,
  refused: 0,
  failed: 0,
  malformed: 0,
  flood: 0,
  capacity: 0,
  overrun: 0,
});
