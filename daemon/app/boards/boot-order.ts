/**
 * A board that asks the network first costs a round at each boot, and waits for an answer while the master is down. Where the
 * owner allows it (`netboot.bootOrder: disk-first`), its EEPROM is told once that its disk comes first. Best effort.
 */
import { ok, type Problem, type Result } from '../../../config/result.ts';
import { type DeviceId, minutes } from '../../../config/values.ts';
import { type BootOrder, diskFirst } from '../../boot/boot-order.ts';
import type { JoinBoard, Joiner, SshSession } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { Log } from '../../ports.ts';

export type BootOrderDeps = {
  readonly wanted: 'keep' | 'disk-first';
  readonly joiner: Pick<Joiner, 'onBoard'>;
  /** In its last boot it was refused a file over the network, and started from its disk after that. */
  readonly askedNetworkFirst: (id: DeviceId) => boolean;
  readonly tell: (id: DeviceId, event: LifecycleEvent) => Promise<unknown>;
  readonly log: Log;
};

/** Rejects only when the signal is aborted. */
export type CorrectBootOrder = (board: JoinBoard, device: Device, signal: AbortSignal) => Promise<void>;

export function bootOrderDesk(deps: BootOrderDeps): CorrectBootOrder {
  const { log } = deps;
  /** Once a start of the daemon: a board that refuses today does so tomorrow. */
  const tried = new Set<DeviceId>();
  return async (board, { id, name }, signal) => {
    if (deps.wanted === 'keep' || tried.has(id) || !deps.askedNetworkFirst(id)) return;
    tried.add(id);
    let changed: BootOrder | undefined;
    const end = await deps.joiner.onBoard(board, signal, async (session) => {
      const corrected = await correct(session);
      if (corrected.ok) changed = corrected.value;
      return corrected.ok ? ok(undefined) : corrected;
    });
    if (!end.ok) log.warn('the boot order of a board stays as it is', { name, ...end.error });
    if (changed === undefined) return;
    const { from, to } = changed;
    await deps
      .tell(id, { event: 'boot-order-corrected', from, to })
      .catch((error: unknown) => log.warn('not written that a boot order was corrected', { name, error }));
  };
}

const CONFIG_FILE = '/run/bramble/boot.conf';

/** Undefined: there is nothing to correct, or no such EEPROM. It is in force from the next start on (facts 6.3). */
async function correct(session: SshSession): Promise<Result<BootOrder | undefined, Problem>> {
  const read = await session.run('rpi-eeprom-config', []);
  if (!read.ok) return read;
  const order = read.value.code === 0 ? diskFirst(read.value.stdout) : undefined;
  if (order === undefined) return ok(undefined);
  const put = await session.putFile(CONFIG_FILE, `${order.config.trimEnd()}\n`, 0o600);
  if (!put.ok) return put;
  const applied = await session.run('rpi-eeprom-config', ['--apply', CONFIG_FILE], { timeout: minutes(2) });
  if (!applied.ok) return applied;
  const { code, stderr } = applied.value;
  return code === 0
    ? ok(order)
    : {
        ok: false,
        error: {
          code: 'BOOT_ORDER_REFUSED',
          detail: `rpi-eeprom-config ended with ${code}: ${stderr.trim().slice(0, 300)}`,
        },
      };
}
