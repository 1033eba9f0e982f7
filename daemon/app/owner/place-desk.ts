/** What the owner asks about a board's place in the cluster, where the cluster has a say: forgetting it, giving it to another board. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import type { Cluster } from '../../cluster/index.ts';
import { volumesOn } from '../../cluster/volumes.ts';
import type { ActionProblem } from '../../http/endpoints/admin.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isUndecided } from '../../lifecycle/registry.ts';
import type { Runner } from '../../lifecycle/runner.ts';

export type PlaceDeskDeps = {
  readonly runner: Pick<Runner, 'dispatch' | 'replace'>;
  readonly cluster: Pick<Cluster, 'request' | 'readNode'>;
  readonly signal: AbortSignal;
};

export type PlaceDesk = {
  /** Refused while a Node of it is in the cluster. */
  readonly forget: (device: Device, by: string) => Promise<Result<Device, ActionProblem>>;
  /** Refused while volumes lie on the disk of `old`, unless they may be lost. Settles with the heir. */
  readonly replace: (
    old: Device,
    heir: Device,
    asked: { readonly by: string; readonly loseData: boolean },
  ) => Promise<Result<Device, ActionProblem>>;
};

const volumesShown = 5;

export function placeDesk({ runner, cluster, signal }: PlaceDeskDeps): PlaceDesk {
  const forget: PlaceDesk['forget'] = async (device, by) => {
    const node = await cluster.readNode(device.name, signal);
    // Nobody decided about it: it has nothing there, whatever the cluster would say.
    if (!node.ok && !isUndecided(device)) return notAsked(device, 'whether it has a Node', node.error);
    if (node.ok && node.value?.device === device.id)
      return conflict(
        device,
        isOut(device)
          ? 'its Node is still being removed: ask again in a moment.'
          : `it has a Node in the cluster: \`bramble leave ${device.name}\` or \`bramble reject ${device.name}\` takes it out, and then it can be forgotten.`,
      );
    const done = await runner.dispatch(device.id, { event: 'forget-requested', by });
    if (!done.ok) return problem('NOT_FOUND', done.error.detail);
    return done.value.outcome === 'refused' ? conflict(device, done.value.reason) : ok(device);
  };

  const replace: PlaceDesk['replace'] = async (old, heir, { by, loseData }) => {
    if (!loseData) {
      const volumes = await volumesOn(cluster, old.name, signal);
      if (!volumes.ok) return notAsked(old, 'whether volumes lie on its disk', volumes.error);
      if (volumes.value.length > 0)
        return conflict(
          old,
          `${countText(volumes.value.length)} on its disk (${shown(volumes.value)}): their data is not on the new board. Move it first, or give it up with --lose-data.`,
        );
    }
    const replaced = await runner.replace(old.id, heir.id, by);
    if (replaced.ok) return replaced;
    const { code, detail } = replaced.error;
    return problem(code === 'DEVICE_GONE' ? 'NOT_FOUND' : 'CONFLICT', detail);
  };

  return { forget, replace };
}

/** Decided: whatever Node of it is there is being removed, or will be once the watch has told of it. */
const isOut = ({ state: { name } }: Device): boolean => name === 'left' || name === 'rejected' || name === 'replaced';

const countText = (volumes: number): string => (volumes === 1 ? '1 volume lies' : `${volumes} volumes lie`);

const shown = (names: readonly string[]): string =>
  [...names.slice(0, volumesShown), ...(names.length > volumesShown ? ['…'] : [])].join(', ');

const conflict = ({ name }: Device, why: string): Result<never, ActionProblem> =>
  problem('CONFLICT', `${name}: ${why}`);
const notAsked = (device: Device, what: string, { detail }: Problem): Result<never, ActionProblem> =>
  conflict(device, `the cluster has to be asked ${what}, and does not answer: ${detail}`);
