import type { DeviceState, DrainStep, WipeStep } from './device.ts';
import type { Effect } from './effect.ts';
import { armingsOf } from './installation.ts';

/** What the world has to be made to do for a board: a function of its state, so that after a crash it is the same again. Pure. */
export function wants(state: DeviceState): readonly Effect[] {
  switch (state.name) {
    case 'reported':
      return ['decide-admission'];
    case 'accepted':
      return ['make-image'];
    case 'installing':
      return ['find-installed'];
    case 'adopting':
      return ['adopt'];
    case 'starting':
    case 'local-boot-failed':
      return ['await-ssh'];
    case 'reinstalling':
      return wantsStart(state.start);
    case 'wiping':
      return state.start.step === 'leaving' ? ['leave'] : wantsStart(state.start);
    case 'joining':
      return ['join'];
    case 'ready':
      return state.quarantined ? ['release-quarantine'] : [];
    case 'rejected':
    case 'replaced':
      return state.left ? [] : ['leave'];
    case 'left':
      return state.done ? [] : ['leave'];
    case 'draining':
      return wantsWork(state.work);
    case 'stopped':
    case 'seen':
    case 'booting':
    case 'pending':
    case 'unreachable':
    case 'waiting-for-proof':
    case 'held':
      return [];
    case 'failed':
      return armingsOf(state).length === 0 ? [] : ['find-installed'];
  }
}

const wantsWork = ({ step }: DrainStep): readonly Effect[] =>
  step === 'evicting' ? ['drain'] : step === 'stopping' ? ['stop'] : [];

const wantsStart = ({ step }: WipeStep): readonly Effect[] =>
  step === 'trying' || step === 'waiting' ? ['start-installer'] : [];
