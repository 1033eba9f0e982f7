/**
 * The detached JWS by which the holder of a bootstrap token knows that cluster-info comes from its cluster: HS256 over the
 * kubeconfig, the key being the token's secret half. The payload is left out of the text: `header..signature`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export type BootstrapToken = { readonly id: string; readonly secret: string };

export function splitToken(token: string): BootstrapToken {
  const [id = '', secret = ''] = token.split('.');
  return { id, secret };
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const mac = (header: string, content: string, secret: string): Buffer =>
  createHmac('sha256', secret)
    .update(`${header}.${base64url(content)}`)
    .digest();

export function signDetached(content: string, { id, secret }: BootstrapToken): string {
  const header = base64url(JSON.stringify({ alg: 'HS256', kid: id }));
  return `${header}..${mac(header, content, secret).toString('base64url')}`;
}

export function isSignedBy(content: string, signature: string, { id, secret }: BootstrapToken): boolean {
  const [header = '', payload, value = ''] = signature.split('.');
  const { alg, kid } = readHeader(header);
  const [got, want] = [Buffer.from(value, 'base64url'), mac(header, content, secret)];
  return payload === '' && alg === 'HS256' && kid === id && got.length === want.length && timingSafeEqual(got, want);
}

function readHeader(header: string): { readonly alg?: unknown; readonly kid?: unknown } {
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg?: unknown; kid?: unknown };
  } catch {
    return {};
  }
}
