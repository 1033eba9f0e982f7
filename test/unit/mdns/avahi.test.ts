import test from 'ava';
import fc from 'fast-check';
import { avahiGroups, groupCall, serverCall } from '../../../daemon/mdns/avahi.ts';
import { dbus, encodeCall } from '../../../daemon/mdns/dbus.ts';
import { decodeMessages } from '../../../daemon/mdns/dbus-decode.ts';
import { records } from './examples.ts';

const decoded = (bytes: Buffer) => {
  const result = decodeMessages(bytes);
  return result.ok ? result.value : undefined;
};

test('a call as the D-Bus specification lays it out', (t) => {
  const bytes = encodeCall(
    { destination: 'a.b', path: '/', interface: 'c.d', member: 'E', body: [dbus.string('hi')] },
    7,
  );
  const expected = [
    '6c01000107000000', // little-endian, call, no flags, version 1; 7 bytes of body
    '0700000047000000', // serial 7; 71 bytes of header fields
    '01016f00010000002f00000000000000', // path: object path "/"
    '0201730003000000632e640000000000', // interface: "c.d"
    '03017300010000004500000000000000', // member: "E"
    '0601730003000000612e620000000000', // destination: "a.b"
    '0801670001730000', // signature: "s"
    '02000000686900', // "hi"
  ];
  t.is(bytes.toString('hex'), expected.join(''));
});

test('what is written can be read, and waits until it is whole', (t) => {
  const body = [
    dbus.int(-1),
    dbus.uint16(22),
    dbus.uint(16),
    dbus.string('worker-kube1.local'),
    dbus.texts(['a=b', 'c']),
  ];
  const one = encodeCall(groupCall('/Client1/EntryGroup2', 'AddService', body), 3);
  const two = encodeCall(serverCall('EntryGroupNew'), 4);
  const both = Buffer.concat([one, two]);
  const whole = decoded(both);
  t.is(whole?.rest.length, 0);
  t.deepEqual(whole?.messages, [
    {
      kind: 'call',
      serial: 3,
      path: '/Client1/EntryGroup2',
      interface: 'org.freedesktop.Avahi.EntryGroup',
      member: 'AddService',
      body: [-1, 22, 16, 'worker-kube1.local'],
    },
    {
      kind: 'call',
      serial: 4,
      path: '/',
      interface: 'org.freedesktop.Avahi.Server',
      member: 'EntryGroupNew',
      body: [],
    },
  ]);
  for (let length = 0; length < one.length; length += 1) {
    t.deepEqual(decoded(both.subarray(0, length)), { messages: [], rest: both.subarray(0, length) });
  }
});

test('nothing that comes can throw', (t) => {
  const call = encodeCall(serverCall('ResolveHostName', [dbus.int(2), dbus.string('x.local')]), 5);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(call.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(call);
      for (const [at, byte] of changes) bytes[at] = byte;
      decodeMessages(bytes);
      return true;
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeMessages(Buffer.from(bytes));
      return true;
    }),
  );
  t.false(decodeMessages(Buffer.alloc(16, 0x42)).ok);
  const long = Buffer.from(call);
  long.writeUInt32LE(0x7fffffff, 4);
  t.false(decodeMessages(long).ok);
});

test('what goes to avahi: no address of the master, services on its host, each group for itself', (t) => {
  const groups = avahiGroups(records, '10.77.0.1', 2);
  t.deepEqual(
    groups.map(
      ({ key, host, entries }) =>
        `${entries.map(({ member }) => member).join()} ${key}${host === undefined ? '' : ' !'}`,
    ),
    [
      'AddService SRV master._bramble._tcp.local master.local 8067 ["version=0.1.0","state=ready"]',
      'AddAddress A worker-kube1.local 10.77.0.11 !',
      'AddRecord PTR 11.0.77.10.in-addr.arpa worker-kube1.local',
      'AddAddress A worker-kube2.local 10.77.0.12 !',
      'AddRecord PTR 12.0.77.10.in-addr.arpa worker-kube2.local',
      'AddService SRV worker-kube1._ssh._tcp.local worker-kube1.local 22 []',
    ],
  );
  const [own, address, , , , ssh] = groups.map(({ entries }) => entries[0]?.body.map(({ value }) => value));
  t.deepEqual(own?.slice(0, 8), [2, -1, 0, 'master', '_bramble._tcp', 'local', '', 8067]);
  t.deepEqual(address, [2, -1, 16, 'worker-kube1.local', '10.77.0.11']);
  t.deepEqual(ssh, [2, -1, 0, 'worker-kube1', '_ssh._tcp', 'local', 'worker-kube1.local', 22, []]);
});
