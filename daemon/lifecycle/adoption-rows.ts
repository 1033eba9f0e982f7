/**
 * Boards that run a system which somebody flashed by hand, with the login of its image: the row `adopting` of the table, and the
 * way into it. One try: whoever it is that answers, a published password is not to be shown to it again and again. Pure.
 */
import {
  alreadyOurs,
  fail,
  late,
  noNode,
  noSystem,
  notFailed,
  onTheLan,
  packets,
  type Row,
  refuse,
  rejected,
  reported,
  to,
} from './cell.ts';

/** Nothing of ours is on it yet, and nothing of it is known but a hardware address. */
export const adoptable = {
  'adopt-requested': (_: unknown, { by }: { by: string }) =>
    to({ name: 'adopting', by }, `it runs a system, and is taken in with it: ${by}`),
} as const;

const busy = refuse('It is being taken in with the system that it runs: wait a minute.');

export const adopting: Row<'adopting'> = {
  ...late,
  ...onTheLan,
  ...noNode,
  ...noSystem,
  ...packets,
  ...notFailed,
  ...alreadyOurs,
  'reinstall-requested': busy,
  'wipe-requested': busy,
  'card-made': busy,
  'leave-requested': busy,
  'forget-requested': busy,
  'replace-requested': busy,
  'reject-requested': rejected,
  // It was started anew, into the installer: that is another way in, and one without passwords.
  'installer-reported': (_, { report }) => reported(report),
  adopted: () => to({ name: 'starting' }, 'it has our keys, and no password is good for anything any more'),
  'first-login-failed': ({ by }, { code, detail }) => fail(code, detail, { at: 'adopt', by }),
  'deadline-passed': ({ by }) => fail('FIRST_LOGIN', 'its first login did not come to an end', { at: 'adopt', by }),
};
