/**
 * Boards whose Node was Ready and is not: the rows `unreachable` and `waiting-for-proof` of the table. Pure. Whatever was held
 * of them, a Node that is Ready and not fenced any more ends it.
 */
import {
  type EventOf,
  type Next,
  noDeadline,
  nodeDeleted,
  type Row,
  ready,
  refuse,
  type StateOf,
  stay,
  to,
} from './cell.ts';
import type { DeviceState } from './device.ts';
import { isAway } from './leaving.ts';
import { mayStop } from './planned-rows.ts';
import { reflashed } from './reflashed.ts';
import { doesNotStart, hasSystem } from './system-rows.ts';

/** Its Node is not Ready, or is held gone, and nobody planned that. */
export const isGone = ({ name }: DeviceState): boolean => name === 'unreachable' || name === 'waiting-for-proof';

export const heldGone = (_: unknown, { signs }: EventOf<'node-gone'>): Next =>
  to({ name: 'unreachable', signs }, `held gone, its Node is fenced: ${signs}`);

export const startedAnew = (): Next =>
  to({ name: 'joining', attempt: 1 }, 'its system was started anew, and what joins it to the cluster was not');

const isAbsent = {
  // A card as well: its disk may be what broke. If its old system comes back first, that one is Ready as before.
  ...hasSystem,
  ...isAway,
  ...noDeadline,
  ...mayStop,
  'drain-requested': refuse('Its Node is not Ready: nothing on it can be asked to go.'),
  'installer-reported': reflashed,
  'local-boot-failed': doesNotStart(true),
  // It may run another system than the one that joined: from a card that was made for it, say.
  'retry-requested': (_: unknown, { by }: EventOf<'retry-requested'>): Next =>
    to({ name: 'starting' }, `waited for again, asked by ${by}`),
  'node-ready': ready,
  'cluster-programs-gone': startedAnew,
  'node-not-ready': stay,
  'node-deleted': nodeDeleted,
} as const;

/** Also over a restart of the daemon, which knows the Node's taint and not what led to it. */
const UNKNOWN_SIGNS = 'its Node was fenced before';

const wantsProof = (pods: number): string =>
  `${pods} ${pods === 1 ? 'pod' : 'pods'} of it must never run twice: proof that it is off is waited for`;

export const unreachable: Row<'unreachable'> = {
  ...isAbsent,
  // Kubernetes may have been first to say that its Node is not Ready.
  'node-gone': ({ signs }, event) => (signs === event.signs ? stay() : heldGone(undefined, event)),
  // Also after a proof, which counts no more once the board was heard.
  'proof-wanted': ({ signs = UNKNOWN_SIGNS }, { pods }) =>
    pods === 0 ? stay() : to({ name: 'waiting-for-proof', signs, pods }, wantsProof(pods)),
};

export const waitingForProof: Row<'waiting-for-proof'> = {
  ...isAbsent,
  'proof-wanted': (state, { pods }) => moreOrLess(state, pods),
  'proof-given': ({ signs }, { by }) =>
    to({ name: 'unreachable', signs, proof: by }, `it is off, by the proof of ${by}: its pods are let go of`),
};

function moreOrLess(state: StateOf<'waiting-for-proof'>, pods: number): Next {
  if (pods === state.pods) return stay();
  return pods === 0
    ? to({ name: 'unreachable', signs: state.signs }, 'none of its pods waits for proof any more')
    : to({ ...state, pods }, wantsProof(pods));
}
