/** Boards whose installer or own system is at fault, and what holds for a board in any state. Pure. */
import { minutes, seconds } from '../../config/values.ts';
import { reportOf } from '../lifecycle/device.ts';
import type { Clues } from './clues.ts';
import type { Rule } from './diagnosis.ts';
import { awaitsNetboot, awaitsSystem, inSeconds, restartIt } from './diagnosis-words.ts';
import { KEY_UNKNOWN } from './sight.ts';

/** sshd comes up within seconds of the address; the first start makes host keys and may grow the disk first. */
const sshStarts = minutes(4);
const diskStarts = minutes(3);
const installerTalks = seconds(45);

export const systemRules: readonly Rule[] = [
  failure('HOST_KEY_CHANGED', ['HOST_KEY_CHANGED', 'SSH_HOST_KEY_CHANGED'], ({ name }) => ({
    sentence: 'whoever answers at its address has another SSH host key than the one that was made for it',
    deed: `find out which machine has its address now; if its own system was changed, bramble reinstall ${name}`,
  })),
  failure('CLOCK_WRONG', ['CLOCK_WRONG', 'CLOCK_NOT_SET', 'CLOCK_UNREADABLE'], ({ name, state }) => ({
    sentence: `a clock is wrong, so that certificates are not valid: ${state.name === 'failed' ? state.detail : ''}`,
    deed: `set the clock of the master (timedatectl), then bramble retry ${name}`,
  })),
  failure('CGROUP_MEMORY_OFF', ['CGROUP_MEMORY_OFF', 'CGROUPS_MISSING'], ({ name }) => ({
    sentence: 'its kernel was started with the memory cgroup off, and Kubernetes does not run without it',
    deed: `see that its cmdline.txt says cgroup_memory=1 cgroup_enable=memory, restart it, then bramble retry ${name}`,
  })),
  failure('DISK_MOVED', ['SERIAL_DIFFERS'], ({ name }) => ({
    sentence: 'its disk or card is in another Pi: the host key is right, and the serial number is not',
    deed: `put it back, then bramble retry ${name}`,
  })),
  {
    code: 'ADDRESS_IN_USE',
    finds: ({ boot, hasRival, name }) => {
      const declines = boot.some(({ sight }) => sight.sight === 'dhcp' && sight.kind === 'DECLINE');
      if (!hasRival && !declines) return undefined;
      return {
        sentence: hasRival
          ? 'another machine answers for its address'
          : 'it found that another machine uses its address, and gave it back',
        deed: `find the machine that has the address of ${name}, and give that one another`,
      };
    },
  },
  {
    code: 'NO_DISK',
    finds: ({ state, name }) => {
      if (reportOf(state)?.disk.content !== 'none') return undefined;
      return {
        sentence: 'its installer reports no disk that may be written',
        deed: `put a card or a disk into ${name}, or change images.disk, then switch it off and on again`,
      };
    },
  },
  {
    code: 'KEY_UNKNOWN',
    finds: (clues) => {
      const said = clues.boot.filter(({ sight }) => sight.sight === 'said').at(-1)?.sight;
      if (said?.sight !== 'said' || said.what !== KEY_UNKNOWN || !awaitsNetboot(clues)) return undefined;
      return {
        sentence:
          'its installer does not know the key of this master: it was started by another one, or from an old join card',
        deed: `${restartIt(clues)}; if it starts from a join card, write that anew (bramble image join-card)`,
      };
    },
  },
  {
    code: 'INSTALLER_MUTE',
    finds: (clues) => {
      const { installerAsked, installerReported, quiet } = clues;
      if (!awaitsNetboot(clues) || installerAsked === undefined || installerReported || quiet < installerTalks)
        return undefined;
      return {
        sentence: 'its installer has an address and never reports: it does not reach the master over HTTP',
        deed: `open the port of the status page (http.port, 8067) in the firewall of the master; then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'SSH_SILENT',
    finds: (clues) => {
      const { systemAsked, state, quiet, name } = clues;
      if (state.name !== 'starting' || systemAsked === undefined || quiet < sshStarts) return undefined;
      return {
        sentence: `its own system asked for an address and does not answer over SSH since ${inSeconds(quiet)}`,
        deed: `look at the screen of ${name}: its first start may have stopped, or sshd does not run; bramble reinstall ${name} begins anew`,
      };
    },
  },
  {
    code: 'DISK_SILENT',
    finds: (clues) => {
      const { boot, systemAsked, quiet, name } = clues;
      const wasSent = boot.some(({ sight }) => sight.sight === 'sent-to-disk');
      if (!awaitsSystem(clues) || !wasSent || systemAsked !== undefined || quiet < diskStarts) return undefined;
      return {
        sentence: 'it was sent to its disk, and no system was heard from there',
        deed: `look at the screen of ${name} and whether its card or disk is in; bramble reinstall ${name} writes it anew`,
      };
    },
  },
  {
    code: 'LATE_DISCOVER',
    delays: true,
    finds: ({ isLate, name }) => {
      if (!isLate) return undefined;
      return {
        sentence:
          'its first DISCOVERs do not arrive: the switch keeps its port closed for half a minute (spanning tree)',
        deed: `set the switch port of ${name} to edge (portfast)`,
      };
    },
  },
];

function failure(
  code: string,
  of: readonly string[],
  words: (clues: Clues) => { readonly sentence: string; readonly deed: string },
): Rule {
  return {
    code,
    finds: (clues) => (clues.state.name === 'failed' && of.includes(clues.state.code) ? words(clues) : undefined),
  };
}
