/** As much of the D-Bus protocol as talking to avahi takes (D-Bus Specification 0.41, "Message Protocol"). Pure. */
/** One complete type each, as its signature says. */
export type DBusValue =
  | { readonly type: 'i' | 'u' | 'q'; readonly value: number }
  | { readonly type: 's' | 'o' | 'g'; readonly value: string }
  | { readonly type: 'ay'; readonly value: Uint8Array }
  | { readonly type: 'aay'; readonly value: readonly Uint8Array[] };

export const dbus = {
  int: (value: number): DBusValue => ({ type: 'i', value }),
  uint: (value: number): DBusValue => ({ type: 'u', value }),
  uint16: (value: number): DBusValue => ({ type: 'q', value }),
  string: (value: string): DBusValue => ({ type: 's', value }),
  bytes: (value: Uint8Array): DBusValue => ({ type: 'ay', value }),
  texts: (value: readonly string[]): DBusValue => ({ type: 'aay', value: value.map((text) => Buffer.from(text)) }),
} as const;

export type DBusCall = {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly body?: readonly DBusValue[];
};

/** Header fields. */
export const field = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replyTo: 5,
  destination: 6,
  signature: 8,
} as const;
export const littleEndian = 0x6c;

/** A method call; `serial` is not 0 and not used by another call that waits. */
export function encodeCall(call: DBusCall, serial: number): Buffer {
  const { body = [] } = call;
  const content = marshal(body);
  const signature = body.map(({ type }) => type).join('');
  const fields: readonly (readonly [number, DBusValue])[] = [
    [field.path, { type: 'o', value: call.path }],
    [field.interface, dbus.string(call.interface)],
    [field.member, dbus.string(call.member)],
    [field.destination, dbus.string(call.destination)],
    ...(signature === '' ? [] : [[field.signature, { type: 'g', value: signature }] as const]),
  ];
  let header: Buffer = Buffer.alloc(0);
  for (const [code, value] of fields) {
    // A struct of a byte and a variant, each at a multiple of 8.
    header = Buffer.concat([padded(header, 8), Buffer.from([code, value.type.length]), Buffer.from(`${value.type}\0`)]);
    header = append(header, value);
  }
  const fixed = Buffer.from([littleEndian, 1, 0, 1]);
  return Buffer.concat([
    padded(Buffer.concat([fixed, uint32(content.length), uint32(serial), uint32(header.length), header]), 8),
    content,
  ]);
}

const marshal = (values: readonly DBusValue[]): Buffer => values.reduce<Buffer>(append, Buffer.alloc(0));

function append(buffer: Buffer, value: DBusValue): Buffer {
  switch (value.type) {
    case 'i':
    case 'u':
      return Buffer.concat([padded(buffer, 4), uint32(value.value)]);
    case 'q':
      return Buffer.concat([padded(buffer, 2), Buffer.from([value.value & 255, (value.value >> 8) & 255])]);
    case 's':
    case 'o': {
      const text = Buffer.from(value.value);
      return Buffer.concat([padded(buffer, 4), uint32(text.length), text, Buffer.from([0])]);
    }
    case 'g':
      return Buffer.concat([buffer, Buffer.from([value.value.length]), Buffer.from(`${value.value}\0`)]);
    case 'ay':
      return Buffer.concat([padded(buffer, 4), uint32(value.value.length), value.value]);
    case 'aay': {
      const start = padded(buffer, 4).length + 4;
      // The alignment inside counts from the start of the message.
      const inside = value.value.reduce<Buffer>((all, bytes) => append(all, dbus.bytes(bytes)), Buffer.alloc(start));
      return Buffer.concat([padded(buffer, 4), uint32(inside.length - start), inside.subarray(start)]);
    }
  }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};

const padded = (buffer: Buffer, to: number): Buffer => Buffer.concat([buffer, Buffer.alloc(-buffer.length & (to - 1))]);
