/** Boards whose system is waited for, joins, or has joined: the rows `starting`, `joining` and `ready` of the table. Pure. */
import {
  fail,
  hostKeyChanged,
  noDeadline,
  nodeDeleted,
  notFailed,
  type Row,
  ready,
  SERIAL_DIFFERS,
  stay,
  to,
} from './cell.ts';
import { heldGone, startedAnew } from './gone-rows.ts';
import { isAway, isExpected, works } from './leaving.ts';
import { drains, mayStop } from './planned-rows.ts';
import { reflashed } from './reflashed.ts';
import { doesNotStart, hasSystem, runs } from './system-rows.ts';

/** The API server could not be reached, or where it is is not known yet. */
const CLUSTER_AWAY = 'API_UNREACHABLE';
/** It was told to, by the driver: its join goes on once it answers again. */
const BOARD_RESTARTS = 'BOARD_RESTARTS';
/** A join is tried this often before the owner is asked to look. */
export const JOIN_ATTEMPTS = 5;
/** The same again would come of another try; a Node that is there would even be taken down for it. */
const inVain: readonly string[] = [
  ...['NODE_NAME_TAKEN', 'NODE_NOT_READY', SERIAL_DIFFERS, 'ADDRESS_NOT_FIXED'],
  // Its processor and its system stay what they are.
  ...['ARCH_UNSUPPORTED', 'KERNEL_TOO_OLD', 'SYSTEMD_MISSING', 'CGROUP_MEMORY_OFF', 'CGROUPS_MISSING'],
  ...['KUBEADM_MISSING', 'K3S_SERVER_ON_BOARD'],
];

export const starting: Row<'starting'> = {
  ...hasSystem,
  ...notFailed,
  ...isAway,
  'leave-requested': isExpected,
  // The installer's own last words may arrive twice; the edge tells it to start its disk.
  'installer-reported': reflashed,
  'ssh-answered': () => to({ name: 'joining', attempt: 1 }, 'its system answers with the host key we made'),
  'ssh-failed': (_, { code, detail }) => fail(code, detail, { at: 'start' }),
  'host-key-changed': hostKeyChanged({ at: 'start' }),
  // A card that is not in yet starts nothing.
  'local-boot-failed': (state, event) => (state.card ? stay() : doesNotStart(false)(state, event)),
  // A Node of its earlier life may still be Ready; this board has joined nothing yet.
  'node-ready': stay,
  'node-not-ready': stay,
  'node-deleted': stay,
  'deadline-passed': () =>
    fail('START_TIMEOUT', 'its system did not answer on port 22; look at its screen', { at: 'start' }),
};

export const joining: Row<'joining'> = {
  ...hasSystem,
  ...notFailed,
  ...runs,
  ...works,
  'installer-reported': reflashed,
  'join-failed': ({ attempt }, { code, detail, output }) => {
    // The master is still starting, or away: that is no fault of the board's.
    if (code === CLUSTER_AWAY)
      return to({ name: 'joining', attempt, waits: detail }, `waits for the cluster: ${detail}`);
    if (code === BOARD_RESTARTS) return to({ name: 'starting' }, detail);
    return attempt < JOIN_ATTEMPTS && !inVain.includes(code)
      ? to({ name: 'joining', attempt: attempt + 1 }, `attempt ${attempt}: ${code}: ${detail}`)
      : fail(code, detail, { at: 'join' }, output);
  },
  'cluster-answered': ({ attempt, waits }) =>
    waits === undefined ? stay() : to({ name: 'joining', attempt }, 'the cluster answers'),
  'host-key-changed': hostKeyChanged({ at: 'join' }),
  'local-boot-failed': doesNotStart(false),
  'node-ready': ready,
  // It registers before it is Ready.
  'node-not-ready': stay,
  'node-deleted': stay,
  'deadline-passed': () => fail('JOIN_TIMEOUT', 'its Node did not become Ready', { at: 'join' }),
};

export const readyRow: Row<'ready'> = {
  ...hasSystem,
  ...notFailed,
  ...runs,
  ...works,
  ...noDeadline,
  'installer-reported': stay,
  // The cluster knows it better than its boot ROM's packets, which anybody can forge: once it is unreachable, they count.
  'local-boot-failed': stay,
  ...mayStop,
  'drain-requested': drains,
  'node-ready': stay,
  'node-not-ready': () => to({ name: 'unreachable' }, 'its Node is not Ready any more'),
  'node-gone': heldGone,
  // Its Node is Ready, of whatever Pi its disk is in by now.
  'join-failed': (_, { code, detail }) => (code === SERIAL_DIFFERS ? fail(code, detail, { at: 'join' }) : stay()),
  'cluster-programs-gone': startedAnew,
  'node-deleted': nodeDeleted,
  'host-key-changed': hostKeyChanged({ at: 'join' }),
  'quarantine-released': ({ quarantined }) =>
    quarantined ? to({ name: 'ready', quarantined: false }, 'name, address and host key agree: open for work') : stay(),
};
