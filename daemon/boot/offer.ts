/** Whether a board is offered a boot over the network. Pure. "Installed, so no boot" is a state on the server (peers 4.C). */
import type { Device, ResumePoint } from '../lifecycle/device.ts';

export function mayNetboot({ state }: Device): boolean {
  switch (state.name) {
    case 'seen':
    case 'booting':
    case 'reported':
    case 'accepted':
    case 'installing':
    case 'reinstalling':
      return true;
    case 'wiping':
      return state.start.step !== 'done';
    case 'pending':
      // It goes on asking from the installer it is in; if its power is cycled, the system on its disk is to start.
      return state.report.disk.content !== 'foreign';
    case 'failed':
      return wantsInstaller(state.resume);
    // It runs, and is to go on running.
    case 'adopting':
    case 'starting':
    case 'joining':
    case 'ready':
    case 'unreachable':
    case 'waiting-for-proof':
    case 'draining':
    case 'stopped':
    // Not by itself: the owner may want to look at its disk first.
    case 'local-boot-failed':
    case 'left':
    case 'replaced':
    case 'held':
    case 'rejected':
      return false;
  }
}

const wantsInstaller = ({ at }: ResumePoint): boolean => at === 'install' || at === 'wipe' || at === 'adopt';

/**
 * Whether DHCP says from where to boot, not whether there is a file for it. An installed board that asks the network first is
 * told, and TFTP refuses each file (ERROR 1): it goes on to its disk at once, where without an answer it would ask for 45 s
 * (facts 3.4, 11.10); the same for a board whose disk holds a foreign system. Held, rejected, replaced and wiped ones hear nothing: they may be
 * another netboot server's, and from two offers a board takes one (facts 3.7). It costs them those 45 s, if nobody else answers.
 */
export const isToldToBoot = ({ state }: Device): boolean =>
  state.name !== 'held' &&
  state.name !== 'replaced' &&
  state.name !== 'rejected' &&
  !(state.name === 'wiping' && state.start.step === 'done');

/** Its system is on its disk, so its lease is a long one (30 days); a netbooting board asks again in any case (5 minutes). */
export function isInstalled({ state }: Device): boolean {
  switch (state.name) {
    case 'starting':
    case 'joining':
    case 'ready':
    case 'unreachable':
    case 'waiting-for-proof':
    case 'draining':
    case 'stopped':
    case 'local-boot-failed':
    case 'left':
      return true;
    case 'failed':
      return !wantsInstaller(state.resume);
    case 'seen':
    case 'booting':
    case 'adopting':
    case 'reported':
    case 'pending':
    case 'accepted':
    case 'installing':
    case 'reinstalling':
    case 'wiping':
    case 'held':
    case 'rejected':
    case 'replaced':
      return false;
  }
}
