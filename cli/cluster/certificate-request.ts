/**
 * A certificate request for a key that was made here (PKCS#10, RFC 2986 4.1), which node:crypto can sign and not write: as
 * much DER (X.690) as one subject and an elliptic curve's key need.
 */
import { generateKeyPairSync, sign } from 'node:crypto';

export type KeyAndRequest = {
  /** Both PEM; the key PKCS#8, P-256: what every TLS library takes. */
  readonly key: string;
  readonly request: string;
};

const tags = { integer: 0x02, bits: 0x03, oid: 0x06, utf8: 0x0c, sequence: 0x30, set: 0x31, attributes: 0xa0 } as const;
/** 2.5.4.3, 2.5.4.10, and 1.2.840.10045.4.3.2 (ecdsa-with-SHA256, RFC 5758 3.2). */
const oids = { commonName: '550403', organization: '55040a', ecdsaSha256: '2a8648ce3d040302' } as const;

/** Another key each time. */
export function makeKeyAndRequest({ user, group }: { readonly user: string; readonly group: string }): KeyAndRequest {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const information = der(
    tags.sequence,
    der(tags.integer, Buffer.of(0)),
    der(tags.sequence, attribute(oids.organization, group), attribute(oids.commonName, user)),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(tags.attributes),
  );
  const algorithm = der(tags.sequence, der(tags.oid, Buffer.from(oids.ecdsaSha256, 'hex')));
  // Its first byte: how many bits of the last one do not count.
  const signature = der(tags.bits, Buffer.of(0), sign('sha256', information, privateKey));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    request: pem(der(tags.sequence, information, algorithm, signature)),
  };
}

const attribute = (oid: string, value: string): Buffer =>
  der(tags.set, der(tags.sequence, der(tags.oid, Buffer.from(oid, 'hex')), der(tags.utf8, Buffer.from(value))));

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(contents), contents]);
}

/** X.690 10.1: the shortest form. */
function lengthOf({ length }: Uint8Array): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
}
