/**
 * Who a certificate request asks to be (PKCS#10, RFC 2986 4.1). What it does not know it refuses: a request that another
 * reader might understand differently must not be approved.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type DerValue, readDer, readDerValues } from './der.ts';

export type RequestedIdentity = {
  /** In the order of the subject, one entry per attribute. */
  readonly subject: readonly { readonly type: string; readonly value: string }[];
  readonly alternativeNames: boolean;
};
export type Pkcs10Problem = Problem<'NOT_PEM' | 'NOT_PKCS10'>;

const tags = { integer: 0x02, bits: 0x03, oid: 0x06, sequence: 0x30, set: 0x31, attributes: 0xa0 } as const;
/** 1.2.840.113549.1.9.14, the extensionRequest attribute, and 2.5.29.17, subjectAltName. */
const extensionRequest = '2a864886f70d01090e';
const subjectAltName = '551d11';
const attributeNames: Readonly<Record<string, string>> = { '550403': 'CN', '55040a': 'O' };
const largestRequest = 64 * 1024;

/** `spec.request` of a CertificateSigningRequest: base64 over PEM. One block, nothing before or after it. */
export function readCertificateRequest(request: string): Result<RequestedIdentity, Pkcs10Problem> {
  if (request.length > largestRequest) return problem('NOT_PEM', 'the request is too long');
  const pem = Buffer.from(request, 'base64').toString('latin1').trim();
  const block = /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----$/.exec(
    pem,
  );
  return block === null
    ? problem('NOT_PEM', 'not exactly one CERTIFICATE REQUEST block')
    : readPkcs10(Buffer.from(block[1] ?? '', 'base64'));
}

/** CertificationRequest ::= SEQUENCE { info { version, subject, subjectPKInfo, [0] attributes }, algorithm, signature } */
export function readPkcs10(der: Uint8Array): Result<RequestedIdentity, Pkcs10Problem> {
  const outer = readDer(der);
  const parts = outer.ok ? children(outer.value, tags.sequence) : undefined;
  const [info, algorithm, signature] = parts ?? [];
  if (parts?.length !== 3 || algorithm?.tag !== tags.sequence || signature?.tag !== tags.bits)
    return refuse('its frame');
  const [version, subject, key, attributes, ...more] = children(info, tags.sequence) ?? [];
  const framed = version?.tag === tags.integer && key?.tag === tags.sequence && more.length === 0;
  if (!framed) return refuse('its information');
  const names = readSubject(subject);
  if (names === undefined) return refuse('its subject');
  const asked = attributes === undefined ? [] : readExtensions(attributes);
  if (asked === undefined) return refuse('its attributes');
  return ok({ subject: names, alternativeNames: asked.includes(subjectAltName) });
}

const refuse = (what: string): Result<never, Pkcs10Problem> =>
  problem('NOT_PKCS10', `the request cannot be read: ${what}`);

function children(value: DerValue | undefined, tag: number): readonly DerValue[] | undefined {
  if (value?.tag !== tag) return undefined;
  const read = readDerValues(value.contents);
  return read.ok ? read.value : undefined;
}

/** Name ::= SEQUENCE OF SET OF SEQUENCE { OID, value }. */
function readSubject(name: DerValue | undefined): RequestedIdentity['subject'] | undefined {
  const found: { type: string; value: string }[] = [];
  const sets = children(name, tags.sequence);
  if (sets === undefined) return undefined;
  for (const set of sets) {
    const attributes = children(set, tags.set);
    if (attributes === undefined) return undefined;
    for (const attribute of attributes) {
      const [type, value, ...more] = children(attribute, tags.sequence) ?? [];
      const text = value === undefined ? undefined : readText(value);
      if (type?.tag !== tags.oid || text === undefined || more.length > 0) return undefined;
      found.push({ type: attributeNames[hex(type.contents)] ?? `OID ${hex(type.contents)}`, value: text });
    }
  }
  return found;
}

/** The OIDs of all requested extensions; undefined if there is anything that cannot be read. */
function readExtensions(attributes: DerValue): readonly string[] | undefined {
  const asked: string[] = [];
  const list = children(attributes, tags.attributes);
  if (list === undefined) return undefined;
  for (const attribute of list) {
    const [type, values] = children(attribute, tags.sequence) ?? [];
    const sets = children(values, tags.set);
    if (type?.tag !== tags.oid || sets === undefined) return undefined;
    if (hex(type.contents) !== extensionRequest) continue;
    for (const extensions of sets) {
      for (const extension of children(extensions, tags.sequence) ?? [undefined]) {
        const [oid] = children(extension, tags.sequence) ?? [];
        if (oid?.tag !== tags.oid) return undefined;
        asked.push(hex(oid.contents));
      }
    }
  }
  return asked;
}

/** UTF8String, PrintableString and IA5String; printable ASCII is all that a node's subject needs. */
function readText({ tag, contents }: DerValue): string | undefined {
  if (tag !== 0x0c && tag !== 0x13 && tag !== 0x16) return undefined;
  const text = Buffer.from(contents).toString('latin1');
  return /^[\x20-\x7e]*$/.test(text) ? text : undefined;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
