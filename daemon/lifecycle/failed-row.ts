/** Boards that a step did not work for: the row `failed` of the table, and where a new try goes on. Pure. */
import { minutes, since } from '../../config/values.ts';
import {
  alreadyOurs,
  HOST_KEY_CHANGED,
  late,
  noDeadline,
  onTheLan,
  packets,
  type Row,
  ready,
  refuse,
  rejected,
  reported,
  SERIAL_DIFFERS,
  type StateOf,
  stay,
  to,
} from './cell.ts';
import type { DeviceState } from './device.ts';
import { wouldLose } from './disk-choice.ts';
import { acceptedAgain, armingsOf } from './installation.ts';
import { failedWishes } from './leaving.ts';
import { reflashed } from './reflashed.ts';
import { doesNotStart, toBeWiped, wishes } from './system-rows.ts';

/** A board whose installation failed and whose installer asks again is tried again after this. */
const REINSTALL_PAUSE = minutes(0.5);

export const failed: Row<'failed'> = {
  ...late,
  ...onTheLan,
  ...packets,
  ...alreadyOurs,
  ...noDeadline,
  ...wishes,
  ...failedWishes,
  'reinstall-requested': (state, event) =>
    state.resume.at === 'start' || state.resume.at === 'join'
      ? wishes['reinstall-requested'](state, event)
      : refuse('It did not get that far: `bramble retry` goes on where it failed.')(),
  'local-boot-failed': (state, event) => {
    const { at } = state.resume;
    return at === 'start' || at === 'join' ? doesNotStart(at === 'join')(state, event) : stay();
  },
  'installer-reported': (state, event, context) => {
    const { resume, code } = state;
    const { report } = event;
    if (resume.at === 'adopt') return reported(report);
    if (resume.at === 'start' || resume.at === 'join') return reflashed(state, event, context);
    if (resume.at !== 'install' || since(context.since, context.now) < REINSTALL_PAUSE) return stay();
    // A disk that is too small stays so; anything else deserves another try, and nobody should have to ask for it.
    if (code === 'DISK_TOO_SMALL' && report.disk.bytes === resume.report.disk.bytes) return stay();
    return wouldLose(resume.report, report)
      ? reported(report)
      : to(acceptedAgain(state, report, 'an earlier decision'), 'its installer asks again');
  },
  'ssh-answered': (state) =>
    armingsOf(state).length === 0
      ? stay()
      : to({ name: 'joining', attempt: 1 }, 'the system of this installation answers after all'),
  'node-ready': ({ resume, code }) =>
    (resume.at === 'start' || resume.at === 'join') && code !== HOST_KEY_CHANGED && code !== SERIAL_DIFFERS
      ? ready()
      : stay(),
  'node-not-ready': stay,
  'node-deleted': stay,
  'reject-requested': rejected,
  'retry-requested': (state, { by }) => to(resumed(state, by), `tried again, asked by ${by}`),
};

function resumed(state: StateOf<'failed'>, by: string): DeviceState {
  const { resume } = state;
  switch (resume.at) {
    case 'install':
      return acceptedAgain(state, resume.report, by);
    case 'start':
      return { name: 'starting' };
    case 'join':
      return { name: 'joining', attempt: 1 };
    case 'adopt':
      return { name: 'adopting', by };
    case 'wipe':
      return toBeWiped(resume.by, resume.arming);
  }
}
