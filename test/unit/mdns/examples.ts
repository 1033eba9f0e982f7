/** The article's trio, as the master publishes it. */
import { must } from '../../../config/result.ts';
import { type Instant, instant, millis, parseHostname, parseIpv4 } from '../../../config/values.ts';
import type { SentAt } from '../../../daemon/mdns/outbox.ts';
import type { MdnsMessage } from '../../../daemon/mdns/packet.ts';
import { type Host, identity, type MasterFacts, type MdnsRecord, masterRecords } from '../../../daemon/mdns/records.ts';
import type { Heard } from '../../../daemon/mdns/truncated.ts';

export const hostOf = (name: string, address: string): Host => ({
  name: must(parseHostname(name)),
  address: must(parseIpv4(address)),
});

export const master: MasterFacts = {
  ...hostOf('master', '10.77.0.1'),
  httpPort: 8067,
  version: '0.1.0',
  state: 'ready',
  boards: [{ ...hostOf('worker-kube1', '10.77.0.11'), ssh: true }, hostOf('worker-kube2', '10.77.0.12')],
};
export const records = masterRecords(master);

/** `A worker-kube1.local 10.77.0.11`. */
export const show = (record: MdnsRecord): string => {
  const [name, type, ...data] = identity(record).split(' ');
  return [type, name, ...data].join(' ');
};

/** The published record that `show`s so, perhaps with another time to live in seconds. */
export function published(text: string, ttl?: number): MdnsRecord {
  const record = records.find((one) => show(one) === text);
  if (record === undefined) throw new Error(`no record ${text}`);
  return ttl === undefined ? record : { ...record, ttl: millis(ttl * 1000) };
}

export const query = (questions: readonly string[], more: Partial<MdnsMessage> = {}): MdnsMessage => ({
  id: 0,
  kind: 'query',
  // `A name`, `A name QU`.
  questions: questions.map((text) => {
    const [type = '', name = '', unicast] = text.split(' ');
    return { type, name, unicast: unicast === 'QU' };
  }),
  truncated: false,
  answers: [],
  authorities: [],
  additionals: [],
  ...more,
});

/** Somebody on the LAN says it, from 10.77.0.50 and port 5353 if it is not said otherwise. */
export const heard = (message: MdnsMessage, { from = '10.77.0.50', port = 5353 } = {}): Heard => ({
  message,
  from: { address: must(parseIpv4(from)), port },
});

/** Everything was multicast at this moment. */
export const allSentAt = (now: Instant): SentAt => new Map(records.map((record) => [identity(record), now]));

export const nothingSent = { sentAt: new Map<string, Instant>(), now: instant(0) };

export const response = (answers: readonly MdnsRecord[]): MdnsMessage => ({
  id: 0,
  kind: 'response',
  truncated: false,
  questions: [],
  answers,
  authorities: [],
  additionals: [],
});
