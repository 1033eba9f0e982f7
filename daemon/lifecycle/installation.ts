/** What stays of an installation when it is over, or given up: its armings, and the disk that it was on. Pure. */

import type { StateOf } from './cell.ts';
import {
  type BoardReport,
  type Device,
  type DeviceState,
  type DiskReport,
  type Earlier,
  type ResumePoint,
  reportOf,
} from './device.ts';

/** The installations whose systems are looked for: one may have started without its installer's last word, however late. */
export function armingsOf(state: DeviceState): Earlier {
  if (state.name === 'installing') return [state.arming, ...(state.earlier ?? [])];
  if (state.name !== 'failed' || state.resume.at !== 'install') return [];
  const { arming, earlier = [] } = state.resume;
  return arming === undefined ? earlier : [arming, ...earlier];
}

/** So many of them are looked for; nobody tries oftener without a look at the board. */
const EARLIER_MAX = 8;

/** As a part of a state. */
export const earlier = (armings: Earlier = []): { readonly earlier?: Earlier } =>
  armings.length === 0 ? {} : { earlier: armings.slice(0, EARLIER_MAX) };

export const givenUp = ({ report, arming, earlier: before }: StateOf<'installing'>): ResumePoint => ({
  ...{ at: 'install', report, arming },
  ...earlier(before),
});

/** It gets a new arming. That it is tried again says nothing about what is on its disk: it may be off. */
export const acceptedAgain = (state: StateOf<'failed'>, report: BoardReport, by: string): StateOf<'accepted'> => ({
  ...{ name: 'accepted', report, by },
  ...earlier(armingsOf(state)),
});

/** `device.disk` once it is in `next`. The report that an installation went by ends with it. */
export function writtenDisk({ disk, state }: Device, next: DeviceState): DiskReport | undefined {
  if (next.name === 'starting' && next.card) return undefined;
  if (next.name === 'wiping' && next.start.step === 'done') return disk && { ...disk, content: 'blank' };
  const told = next.name === 'starting' || next.name === 'joining' ? reportOf(state)?.disk : undefined;
  if (told === undefined) return disk;
  const { device: _, ...written } = told;
  return { ...written, content: 'ours' };
}
