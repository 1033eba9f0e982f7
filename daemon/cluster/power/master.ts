/** What `bramble-power` says, which ends the cluster on the master and switches it off. Pure. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';

/** The one word it knows. */
export const masterOffLine = 'off';

/** In words, for the event log. */
export function parseMasterAnswer(text: string): Result<string, Problem<'MASTER_OFF_FAILED'>> {
  const line = text.trim();
  const [, saved] = /^off(?:, saved in (\S+))?$/.exec(line) ?? [];
  if (saved !== undefined) return ok(`this machine is switched off; what the cluster knows is saved in ${saved}`);
  if (line === 'off') return ok('this machine is switched off; there was nothing of k3s to save');
  const [, reason] = /^failed: (.+)$/.exec(line) ?? [];
  return problem('MASTER_OFF_FAILED', reason ?? 'bramble-power gave no answer; see its log');
}
