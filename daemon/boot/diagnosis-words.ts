/** What the rules of a diagnosis have in common. Pure. */
import type { Clues, Repeated } from './clues.ts';

export const inSeconds = (time: number): string => `${Math.max(1, Math.round(time / 1000))} s`;

export const timesText = ({ count, time }: Repeated): string =>
  count === 1 ? 'once' : `${count} times in ${inSeconds(time)}`;

/** How often its ROM begins, where it does so again and again. */
export function everyText({ discover }: Pick<Clues, 'discover'>): string {
  if (discover === undefined || discover.count < 3) return '';
  return `, and begins again every ${inSeconds(discover.time / (discover.count - 1))}`;
}

export const restartIt = ({ name }: Pick<Clues, 'name'>): string => `switch ${name} off and on again`;

/** It is to come over the network, or to try that: what runs on its disk, if anything, is not ours to wait for. */
export function awaitsNetboot({ state }: Pick<Clues, 'state'>): boolean {
  switch (state.name) {
    case 'seen':
    case 'booting':
    case 'reported':
    case 'accepted':
    case 'installing':
      return true;
    case 'reinstalling':
      return state.start.step !== 'running';
    case 'wiping':
      return state.start.step !== 'running' && state.start.step !== 'done' && state.start.step !== 'leaving';
    case 'failed':
      return state.resume.at === 'install' || state.resume.at === 'wipe';
    default:
      return false;
  }
}

/** Its own system is to be heard next. */
export const awaitsSystem = ({ state }: Pick<Clues, 'state'>): boolean =>
  (state.name === 'starting' && state.card !== true) ||
  state.name === 'local-boot-failed' ||
  state.name === 'unreachable' ||
  (state.name === 'failed' && (state.resume.at === 'start' || state.resume.at === 'join'));
