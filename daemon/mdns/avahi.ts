/** Our records as avahi wants them: by host and service, in groups that may collide each for itself. Pure. */
import { type DBusCall, type DBusValue, dbus } from './dbus.ts';
import { isReverse, type MdnsRecord, sameName } from './records.ts';
import { nameBytes } from './tiebreak.ts';

export type AvahiGroup = {
  /** What it is about, and all that is in it: equal for groups that say the same. */
  readonly key: string;
  /** Somebody else who has this name is a conflict; a board may announce its own services and reverse name. */
  readonly host: string | undefined;
  readonly entries: readonly AvahiEntry[];
};
export type AvahiEntry = {
  readonly member: 'AddAddress' | 'AddService' | 'AddRecord';
  readonly body: readonly DBusValue[];
};

export const avahiName = 'org.freedesktop.Avahi';

/** avahi-common/defs.h, AvahiPublishFlags. */
const flags = { none: 0, unique: 1, noReverse: 16 } as const;
const anyProtocol = -1;
const internetClass = 1;
const ptrType = 12;

/**
 * The master's own address is avahi's to publish, and its services are those of avahi's host name, whatever that is by now.
 * `interfaceIndex` as the kernel counts; -1 is every interface.
 */
export function avahiGroups(
  records: readonly MdnsRecord[],
  ownAddress: string,
  interfaceIndex: number,
): readonly AvahiGroup[] {
  const own = records.find((record) => record.type === 'A' && record.address === ownAddress)?.name ?? '';
  const where = [dbus.int(interfaceIndex), dbus.int(anyProtocol)];
  return records.flatMap((record): AvahiGroup[] => {
    if (record.type === 'A' && record.address !== ownAddress) {
      const body = [...where, dbus.uint(flags.noReverse), dbus.string(record.name), dbus.string(record.address)];
      return [
        { key: `A ${record.name} ${record.address}`, host: record.name, entries: [{ member: 'AddAddress', body }] },
      ];
    }
    if (record.type === 'PTR' && isReverse(record.name) && !sameName(record.target, own)) {
      const data = [dbus.uint16(internetClass), dbus.uint16(ptrType), dbus.uint(record.ttl / 1000)];
      const body = [
        ...where,
        dbus.uint(flags.unique),
        dbus.string(record.name),
        ...data,
        dbus.bytes(nameBytes(record.target)),
      ];
      return [
        { key: `PTR ${record.name} ${record.target}`, host: undefined, entries: [{ member: 'AddRecord', body }] },
      ];
    }
    if (record.type !== 'SRV') return [];
    const [, instance = '', type = ''] = /^(.+?)\.(_[^.]+\._(?:tcp|udp))\.local$/.exec(record.name) ?? [];
    const texts = records.find((text) => text.type === 'TXT' && sameName(text.name, record.name));
    const entries = texts?.type === 'TXT' ? texts.entries.filter((text) => text !== '') : [];
    const host = sameName(record.target, own) ? '' : record.target;
    const names = [instance, type, 'local', host].map(dbus.string);
    const port = dbus.uint16(record.port);
    const body = [...where, dbus.uint(flags.none), ...names, port, dbus.texts(entries)];
    const key = `SRV ${record.name} ${record.target} ${record.port} ${JSON.stringify(entries)}`;
    return [{ key, host: undefined, entries: [{ member: 'AddService', body }] }];
  });
}

export const serverCall = (member: string, body: readonly DBusValue[] = []): DBusCall => ({
  destination: avahiName,
  path: '/',
  interface: `${avahiName}.Server`,
  member,
  body,
});

export const groupCall = (path: string, member: string, body: readonly DBusValue[] = []): DBusCall => ({
  destination: avahiName,
  path,
  interface: `${avahiName}.EntryGroup`,
  member,
  body,
});

export const busCall = (member: string, body: readonly DBusValue[] = []): DBusCall => ({
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member,
  body,
});

/** avahi-common/defs.h, AvahiEntryGroupState. */
export const groupState = { established: 2, collision: 3, failure: 4 } as const;
