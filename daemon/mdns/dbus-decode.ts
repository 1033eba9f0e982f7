/** D-Bus messages out of a stream: headers whole, of the bodies what is read here. Pure. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { field, littleEndian } from './dbus.ts';

export type DBusMessage = {
  readonly kind: 'call' | 'reply' | 'error' | 'signal';
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replyTo?: number;
  /** As far as its leading types are numbers and texts: what follows is not read. */
  readonly body: readonly (string | number)[];
};

const kinds = ['call', 'reply', 'error', 'signal'] as const;
/** The specification allows 128 MiB; avahi's answers are short. */
const messageMax = 1 << 20;

export type DBusDecoded = { readonly messages: readonly DBusMessage[]; readonly rest: Buffer };

/** All complete messages at the start of a stream. After a problem nothing more of it can be read. */
export function decodeMessages(stream: Buffer): Result<DBusDecoded, Problem<'BAD_DBUS_MESSAGE'>> {
  const messages: DBusMessage[] = [];
  let rest = stream;
  while (rest.length >= 16) {
    if (rest[0] !== littleEndian || rest[3] !== 1) return problem('BAD_DBUS_MESSAGE', 'not little-endian version 1');
    const [bodyLength, headerLength] = [rest.readUInt32LE(4), rest.readUInt32LE(12)];
    const bodyAt = 16 + headerLength + (-headerLength & 7);
    if (bodyLength > messageMax || headerLength > messageMax) return problem('BAD_DBUS_MESSAGE', 'too long');
    if (rest.length < bodyAt + bodyLength) break;
    try {
      messages.push(decodeMessage(rest.subarray(0, bodyAt + bodyLength), headerLength, bodyAt));
    } catch (cause) {
      return problem('BAD_DBUS_MESSAGE', String(cause));
    }
    rest = rest.subarray(bodyAt + bodyLength);
  }
  return ok({ messages, rest });
}

function decodeMessage(bytes: Buffer, headerLength: number, bodyAt: number): DBusMessage {
  const fields = new Map<number, string | number>();
  const reader = readerOf(bytes.subarray(0, 16 + headerLength), 16);
  while (!reader.atEnd()) {
    reader.align(8);
    if (reader.atEnd()) break;
    const code = reader.byte();
    const type = reader.signature();
    const value = reader.value(type);
    if (value === undefined) throw new RangeError(`header field ${code} of type ${type}`);
    fields.set(code, value);
  }
  const text = (code: number): string | undefined => {
    const value = fields.get(code);
    return typeof value === 'string' ? value : undefined;
  };
  const [path, member, errorName] = [text(field.path), text(field.member), text(field.errorName)];
  const [iface, replyTo] = [text(field.interface), fields.get(field.replyTo)];
  return {
    kind: kinds[(bytes[1] ?? 0) - 1] ?? 'signal',
    serial: bytes.readUInt32LE(8),
    ...(path !== undefined && { path }),
    ...(iface !== undefined && { interface: iface }),
    ...(member !== undefined && { member }),
    ...(errorName !== undefined && { errorName }),
    ...(typeof replyTo === 'number' && { replyTo }),
    body: readBody(readerOf(bytes.subarray(bodyAt), 0), text(field.signature) ?? ''),
  };
}

function readBody(reader: Reader, signature: string): readonly (string | number)[] {
  const values: (string | number)[] = [];
  for (const type of signature) {
    const value = reader.value(type);
    if (value === undefined) break;
    values.push(value);
  }
  return values;
}

type Reader = {
  readonly atEnd: () => boolean;
  readonly align: (to: number) => void;
  readonly byte: () => number;
  readonly signature: () => string;
  /** Undefined for a type that is not read here. Throws at the end of the bytes. */
  readonly value: (type: string) => string | number | undefined;
};

function readerOf(bytes: Buffer, start: number): Reader {
  let at = start;
  const align = (to: number): void => {
    at += -at & (to - 1);
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError(`${length} bytes wanted at ${at} of ${bytes.length}`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const text = (length: number): string => {
    const found = take(length).toString('utf8');
    take(1);
    return found;
  };
  const number = (size: number): Buffer => {
    align(size);
    return take(size);
  };
  const value = (type: string): string | number | undefined => {
    if (type === 'y') return take(1)[0];
    if (type === 'q') return number(2).readUInt16LE();
    if (type === 'i') return number(4).readInt32LE();
    if (type === 'u' || type === 'b') return number(4).readUInt32LE();
    if (type === 's' || type === 'o') return text(number(4).readUInt32LE());
    if (type === 'g') return text(take(1)[0] ?? 0);
    return undefined;
  };
  return {
    atEnd: () => at >= bytes.length,
    align,
    byte: () => take(1)[0] ?? 0,
    signature: () => text(take(1)[0] ?? 0),
    value,
  };
}
