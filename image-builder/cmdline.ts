/** The kernel command line on the boot partition: one line of ASCII, no more. Pure. */
import { ok, problem, type Result } from '../config/result.ts';
import type { ImageProblem } from './errors.ts';

/** What the kubelet needs on a Pi, whose firmware switches the memory cgroup off (facts 7). */
const cgroupFlags = ['cgroup_memory=1', 'cgroup_enable=memory'];

/** arm64 takes 2048 bytes with the firmware's own additions; those are a few hundred. */
const LONGEST = 1536;

/**
 * Adds what is missing and keeps the rest in its order. `seed` replaces any `ds=` there is. The firmware reads the first
 * line only, so that is all that is kept. PLAN_BAD_CMDLINE for other bytes than printable ASCII.
 */
export function planCmdline(existing: string, seed: string | undefined): Result<string, ImageProblem> {
  const line =
    existing
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)[0]
      ?.trim() ?? '';
  if (!/^[\x20-\x7e\t]+$/.test(line)) {
    return problem('PLAN_BAD_CMDLINE', `cmdline.txt is ${line === '' ? 'empty' : 'not ASCII'}`);
  }
  const words = line.split(/[ \t]+/);
  const kept = seed === undefined ? words : words.filter((word) => !word.startsWith('ds='));
  const wanted = seed === undefined ? cgroupFlags : [...cgroupFlags, `ds=${seed}`];
  const rendered = [...kept, ...wanted.filter((word) => !kept.includes(word))].join(' ');
  if (rendered.length > LONGEST) return problem('PLAN_BAD_CMDLINE', `cmdline.txt would have ${rendered.length} bytes`);
  return ok(`${rendered}\n`);
}
