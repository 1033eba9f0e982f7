/**
 * Boards that run a system which somebody flashed (`join.firstLogin`): which they are, when they are taken in, and how. Its name
 * and address are bramble's; its network configuration stays as it is: DHCP gives it its permanent address.
 */
import type { Config } from '../../../config/schema.ts';
import { type DeviceId, type Ipv4, seconds } from '../../../config/values.ts';
import type { FirstLogin, firstLogin, SshKeyPair } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Acceptances } from './acceptances.ts';
import type { HostKeys } from './host-keys.ts';

export type AdoptionDeps = {
  readonly config: Pick<Config, 'join' | 'admission'>;
  readonly dispatch: Runner['dispatch'];
  /** As it is by now. */
  readonly boardNow: (device: Device) => Device;
  readonly keys: Pick<HostKeys, 'own' | 'accepted'>;
  readonly daemonKey: SshKeyPair;
  readonly acceptances: Acceptances;
  readonly lanIsOurs: () => boolean | undefined;
  readonly hasRival: (device: Device) => boolean;
  readonly answersSsh: (address: Ipv4, signal: AbortSignal) => Promise<boolean>;
  readonly firstLogin: (login: FirstLogin) => ReturnType<typeof firstLogin>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Adoption = {
  /** Its system asked for an address: neither its boot ROM nor our installer. */
  readonly systemHeard: (device: Device) => void;
  /** Its boot ROM or our installer did. */
  readonly restarted: (device: Pick<Device, 'id'>) => void;
  /** What `bramble accept` means for it is this. */
  readonly isAdoptable: (device: Device) => boolean;
  /** And it is not about to be taken in by itself. */
  readonly awaitsOwner: (device: Device) => boolean;
  /** It runs such a system, and no login for it is configured. */
  readonly lacksLogin: (device: Device) => boolean;
  /** Carries out the effect. One try, whatever comes of it. */
  readonly adopt: (device: Device, signal: AbortSignal) => Promise<LifecycleEvent | undefined>;
};

/** A system asks for its address before its sshd is there; HypriotOS grows its file system first. */
const LOOKS = 36;
const LOOK = seconds(5);

export function createAdoption(deps: AdoptionDeps): Adoption {
  const { config, clock, log } = deps;
  const login = config.join.firstLogin;
  /** Boards whose system was heard since the start; there are no more than boards. */
  const running = new Set<DeviceId>();
  const watched = new Set<DeviceId>();

  const runsItsOwn = (device: Device): boolean => running.has(device.id) && isUnknown(device);
  const isAdoptable = (device: Device): boolean =>
    login !== undefined && runsItsOwn(device) && device.address !== undefined;
  const awaitsOwner = (device: Device): boolean => isAdoptable(device) && !watched.has(device.id);
  const lacksLogin = (device: Device): boolean => login === undefined && runsItsOwn(device);

  /** By the rules of other boards: where nobody else can be, not too many, and nobody else claims to be it. */
  const mayByItself = (device: Device): boolean =>
    config.admission.mode === 'auto' &&
    deps.lanIsOurs() === true &&
    deps.acceptances.besides(device.id) < config.admission.limit &&
    !deps.hasRival(device);

  async function watch(device: Device): Promise<void> {
    for (let look = 1; look <= LOOKS; look += 1) {
      const now = deps.boardNow(device);
      if (!isAdoptable(now) || !mayByItself(now) || now.address === undefined) return;
      if (await deps.answersSsh(now.address, deps.signal)) {
        deps.acceptances.note(device.id);
        await deps.dispatch(device.id, { event: 'adopt-requested', by: 'auto: nobody else is on this network' });
        return;
      }
      await clock.sleep(LOOK, deps.signal);
    }
  }

  const systemHeard = (device: Device): void => {
    if (!isUnknown(device)) return;
    running.add(device.id);
    if (login === undefined || watched.has(device.id) || !mayByItself(device)) return;
    watched.add(device.id);
    const failed = (error: unknown): void => {
      if (!deps.signal.aborted) log.error('a board that was flashed was not taken in', { name: device.name, error });
    };
    void watch(device)
      .catch(failed)
      .finally(() => watched.delete(device.id));
  };

  async function adopt(device: Device, signal: AbortSignal): Promise<LifecycleEvent | undefined> {
    const { address, id, name } = deps.boardNow(device);
    if (login === undefined) return failed('join.firstLogin is not in bramble.yaml any more');
    if (address === undefined) return failed('its address is not known');
    const again = deps.keys.accepted(device).length > 0;
    const hostKey = await deps.keys.own.plan(device);
    log.info('first login on a board that was flashed', { name, address, user: login.user });
    const done = await deps.firstLogin({
      ...{ address, port: 22, user: login.user, password: login.password.reveal, name },
      ...{ daemonKey: deps.daemonKey, hostKey, again, clock, signal },
    });
    if (!done.ok) return failed(done.error.detail);
    await deps.keys.own.pin(id);
    return { event: 'adopted' };
  }

  const restarted: Adoption['restarted'] = ({ id }) => void running.delete(id);
  return { systemHeard, restarted, isAdoptable, awaitsOwner, lacksLogin, adopt };
}

const failed = (detail: string): LifecycleEvent => ({ event: 'first-login-failed', code: 'FIRST_LOGIN', detail });
const isUnknown = ({ state }: Device): boolean => state.name === 'seen' || state.name === 'booting';
