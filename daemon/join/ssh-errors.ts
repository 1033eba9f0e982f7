/** What the errors of node-ssh and ssh2 mean. Pure. */
import type { SshCode } from './driver.ts';

export function connectProblem(error: unknown, foreignKey: boolean): SshCode {
  if (foreignKey || /host key format/.test(messageOf(error))) return 'SSH_HOST_KEY_CHANGED';
  if (fieldOf(error, 'code') === 'ECONNREFUSED') return 'SSH_REFUSED';
  if (fieldOf(error, 'level') === 'client-authentication') return 'SSH_AUTH';
  return isTimeout(error) ? 'SSH_TIMEOUT' : 'SSH_CLOSED';
}

/** An address that nobody answers for is the same as silence: the board is not up (yet). */
export const isTimeout = (error: unknown): boolean =>
  fieldOf(error, 'level') === 'client-timeout' ||
  ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'].includes(String(fieldOf(error, 'code')));

const fieldOf = (error: unknown, name: 'code' | 'level'): unknown =>
  error instanceof Error ? Reflect.get(error, name) : undefined;
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 300);
