/** What a handler answers: data, so that handlers are tested without a socket. `respond.ts` puts it on the wire. */
import type { ByteSource } from '../ports.ts';
import type { ErrorBody, ErrorCode } from './wire.ts';

export type Answer =
  | {
      readonly kind: 'content';
      readonly status: number;
      readonly type: string;
      readonly body: string | Uint8Array;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'nothing' }
  /** The bytes of `source` from `offset` to its end; whoever sends the answer closes `source`. */
  | {
      readonly kind: 'bytes';
      readonly source: ByteSource;
      readonly offset: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** One line a call of `emit`, until `run` settles or the client is gone (`signal`). `type`: NDJSON if not given. */
  | {
      readonly kind: 'lines';
      readonly type?: string;
      readonly run: (emit: (line: string) => void, signal: AbortSignal) => Promise<void>;
    };

type Content = Extract<Answer, { readonly kind: 'content' }>;

export const json = (body: unknown, status = 200): Content => ({
  kind: 'content',
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(body)}\n`,
});

export const text = (body: string, status = 200): Content => ({
  kind: 'content',
  status,
  type: 'text/plain; charset=utf-8',
  body,
});

/** 204. */
export const nothing: Answer = { kind: 'nothing' };

const statusOf: Readonly<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  TOO_LARGE: 413,
  TOO_MANY: 429,
  INTERNAL: 500,
  NOT_READY: 503,
};

/** An error in the wire's form, with the HTTP status that belongs to its code. */
export function failure(code: ErrorCode, message: string, details?: ErrorBody['details']): Content {
  const body: ErrorBody = details === undefined ? { code, message } : { code, message, details };
  return json(body, statusOf[code]);
}
