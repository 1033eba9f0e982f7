/** One line there and one back, over a unix socket that systemd listens on for a program of root's. */
import { connect } from 'node:net';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Millis } from '../../config/values.ts';

/** Bytes of an answer; what is beyond is dropped. */
const answerLimit = 1024;

/** Settles when the other side has closed; a failure after the timeout and when `signal` is aborted. Never rejects. */
export function exchange(
  path: string,
  line: string,
  { signal, timeout }: { readonly signal: AbortSignal; readonly timeout: Millis },
): Promise<Result<string, Problem<'EXCHANGE_FAILED'>>> {
  return new Promise((resolve) => {
    let answer = '';
    let failure: string | undefined;
    const socket = connect({ path });
    const fail = (reason: string) => (): void => {
      failure ??= reason;
      socket.destroy();
    };
    const aborted = fail('ended');
    const timer = setTimeout(fail('no answer in time'), timeout);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    socket
      .setEncoding('utf8')
      .on('data', (chunk: string) => {
        answer = (answer + chunk).slice(0, answerLimit);
      })
      .on('error', (error) => {
        failure ??= error.message;
      })
      .once('close', () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        resolve(failure === undefined ? ok(answer) : problem('EXCHANGE_FAILED', `${path}: ${failure}`));
      })
      .write(`${line}\n`);
  });
}
