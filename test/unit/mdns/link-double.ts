/** A multicast socket that is none: what was sent is kept with its moment, what is heard is said by the test. */
import type { Destination, Packet } from 'multicast-dns';
import { must } from '../../../config/result.ts';
import { type Ipv4, parseIpv4 } from '../../../config/values.ts';
import type { MdnsLink, OpenMdnsLink } from '../../../daemon/mdns/link.ts';
import { type MdnsMessage, readPacket } from '../../../daemon/mdns/packet.ts';
import { identity } from '../../../daemon/mdns/records.ts';
import type { ClockDouble } from '../../support/doubles.ts';

export type Said = { readonly at: number; readonly to: Destination | null; readonly message: MdnsMessage };

export type LinkDouble = {
  readonly open: OpenMdnsLink;
  readonly said: readonly Said[];
  /** Everything that was said so far: `0.25 ? worker-kube1.local | A …` for a probe, `1.5 A …` for an answer. */
  readonly lines: () => readonly string[];
  /** Forgets what was said. */
  readonly clear: () => void;
  readonly hear: (packet: Packet, from?: string, port?: number) => void;
  /** What `join` answers from now on. */
  readonly membership: { now: ReturnType<MdnsLink['join']> };
  readonly joinedAt: readonly Ipv4[];
  /** The port is taken: the next `open` fails. */
  readonly fail: (cause: Error) => void;
};

export function createLinkDouble(clock: ClockDouble): LinkDouble {
  const start = clock.now();
  const said: Said[] = [];
  const joinedAt: Ipv4[] = [];
  const membership: LinkDouble['membership'] = { now: 'joined' };
  let failure: Error | undefined;
  let deliver: Parameters<OpenMdnsLink>[0]['onPacket'] = () => undefined;

  const open: OpenMdnsLink = ({ onReady, onFailed, onPacket }) => {
    deliver = onPacket;
    const cause = failure;
    failure = undefined;
    queueMicrotask(cause === undefined ? onReady : () => onFailed(cause));
    return {
      send: async (packet, to) => {
        said.push({ at: (clock.now() - start) / 1000, to, message: readPacket(packet) });
      },
      join: (address) => {
        const result = membership.now;
        if (result === 'joined') {
          joinedAt.push(address);
          membership.now = 'member';
        }
        return result;
      },
      leave: () => {
        membership.now = membership.now === 'unable' ? 'unable' : 'joined';
      },
      close: async () => undefined,
    };
  };
  const line = ({ at, to, message }: Said): string => {
    const answers = (message.kind === 'query' ? message.authorities : message.answers).map(
      (record) =>
        `${record.type} ${identity(record).split(' ').slice(2).join(' ')}${record.ttl === 0 ? ' goodbye' : ''}`,
    );
    const asked = message.questions.map(({ name }) => name).join(', ');
    const where = to === null ? '' : ` to ${to.address}:${to.port}`;
    return `${at}${where} ${message.kind === 'query' ? `? ${asked} | ` : ''}${answers.join(', ')}`;
  };
  return {
    open,
    said,
    lines: () => said.map(line),
    clear: () => void said.splice(0),
    hear: (packet, from = '10.77.0.50', port = 5353) => deliver(packet, { address: must(parseIpv4(from)), port }),
    membership,
    joinedAt,
    fail: (cause) => {
      failure = cause;
    },
  };
}
