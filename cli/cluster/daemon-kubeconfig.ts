/** The file that the daemon reads: `cluster.kubeconfig`. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { makeFolder, replaceFile } from './io.ts';
import { isOurs, signed } from './server-config.ts';

/** The daemon's group, which the package makes. */
const group = 'bramble';

/** One that bramble did not write is somebody's. */
export async function refuseForeign(path: string): Promise<Result<void, Problem>> {
  const old = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (old === undefined || old.trim() === '' || isOurs(old)) return ok(undefined);
  return problem(
    'FOREIGN_FILE',
    `${path} was not written by bramble, or was changed: move it away first (cluster.kubeconfig names the place)`,
  );
}

/** Root writes, the daemon's group reads. Settles with what keeps the daemon from it. */
export async function writeDaemonKubeconfig(path: string, text: string): Promise<string | undefined> {
  await makeFolder(dirname(path));
  const gid = groupId(await readFile('/etc/group', 'utf8'));
  const how = gid === undefined ? { mode: 0o600 } : { mode: 0o640, owner: { uid: 0, gid } };
  await replaceFile(path, signed(text), how);
  return gid === undefined ? `there is no group ${group} here: only root can read ${path}` : undefined;
}

function groupId(groups: string): number | undefined {
  const [, id] = new RegExp(`^${group}:[^:]*:(\\d+):`, 'm').exec(groups) ?? [];
  return id === undefined ? undefined : Number(id);
}
