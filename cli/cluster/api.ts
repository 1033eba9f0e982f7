/** Single requests to a Kubernetes API server. */
import { type RequestOptions, request } from 'node:https';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { ClusterAccess } from './kubeconfig.ts';

export type ApiCode = 'API_UNREACHABLE' | 'API_UNTRUSTED' | 'API_DENIED' | 'API_NOT_FOUND' | 'API_FAILED';
export type ApiAnswer = Result<unknown, Problem<ApiCode>>;

export type ApiCall = {
  readonly body?: unknown;
  readonly type?: string;
  readonly signal: AbortSignal;
};

const timeoutMs = 10_000;
const answerMax = 4 * 2 ** 20;

/** The answer's JSON, or its text where it is none. Rejects with the signal's reason. */
export async function callApi(
  access: ClusterAccess,
  method: 'GET' | 'PATCH' | 'POST',
  path: string,
  { body, type = 'application/json', signal }: ApiCall,
): Promise<ApiAnswer> {
  const { server, ca, cert, key, token } = access;
  const content = body === undefined ? '' : JSON.stringify(body);
  const options: RequestOptions = {
    ...{ method, ca, cert, key, agent: false, timeout: timeoutMs, signal },
    headers: {
      accept: 'application/json',
      ...(content !== '' && { 'content-type': type, 'content-length': Buffer.byteLength(content) }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  };
  const answer = await new Promise<ApiAnswer>((resolve) => {
    const sent = request(`${server}${path}`, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerMax) response.destroy(new Error('its answer has no end'));
        else chunks.push(chunk);
      });
      response.on('error', (error) => resolve(problem('API_UNREACHABLE', `${server}: ${error.message}`)));
      response.on('end', () => resolve(read(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'))));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    sent.on('error', (error) => resolve(unreachable(server, error)));
    sent.end(content);
  });
  signal.throwIfAborted();
  return answer;
}

/** Codes of OpenSSL and Node for a certificate that does not do. */
const untrusted = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/;

function unreachable(server: string, error: NodeJS.ErrnoException): ApiAnswer {
  const isUntrusted = untrusted.test(error.code ?? '');
  return problem(isUntrusted ? 'API_UNTRUSTED' : 'API_UNREACHABLE', `${server}: ${error.message}`);
}

function read(status: number, text: string): ApiAnswer {
  const value = jsonOf(text);
  if (status >= 200 && status < 300) return ok(value);
  const told: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'message') : undefined;
  const detail = `${status} ${(typeof told === 'string' ? told : text).slice(0, 500)}`;
  if (status === 401 || status === 403) return problem('API_DENIED', detail);
  return problem(status === 404 ? 'API_NOT_FOUND' : 'API_FAILED', detail);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
