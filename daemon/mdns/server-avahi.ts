/** Publishes through the avahi daemon of this machine, over D-Bus: two responders on one host get in each other's way. */
import type { Ipv4 } from '../../config/values.ts';
import { type Millis, minutes } from '../../config/values.ts';
import type { Clock, Log } from '../ports.ts';
import { type AvahiGroup, avahiGroups, avahiName, busCall, groupCall, groupState, serverCall } from './avahi.ts';
import { type ConflictListeners, tellConflict, tellConflictOver } from './conflicts.ts';
import { dbus } from './dbus.ts';
import type { DBusMessage } from './dbus-decode.ts';
import type { MdnsRecord } from './records.ts';
import { type Bus, connectBus, systemBusPath } from './server-bus.ts';

export type AvahiDeps = ConflictListeners & {
  /** Default: the system bus. */
  readonly busPath?: string;
  readonly interfaceAddress: Ipv4;
  /** Its name: avahi publishes there only. Without it, on every interface. */
  readonly interface?: string;
  readonly records: readonly MdnsRecord[];
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** avahi takes nothing from us, and why; `undefined` once it does again. It is asked every five minutes. */
  readonly onRefused?: (detail: string | undefined) => void;
};

export type AvahiPublisher = {
  readonly update: (records: readonly MdnsRecord[], interfaceAddress?: Ipv4) => void;
  /** Settles when `signal` was aborted, or avahi is gone or was restarted. All that was published is gone with it. */
  readonly closed: Promise<void>;
};

const retryAfter: Millis = minutes(5);
/** avahi-common/defs.h, AvahiServerState. */
const serverRunning = 2;

type Published = { readonly group: AvahiGroup; readonly path: string; collided: boolean };

/** Is avahi there? Asks the bus, without starting it. */
export async function avahiRuns(busPath: string = systemBusPath): Promise<boolean> {
  const bus = await connectAvahi(busPath, () => undefined);
  bus?.close();
  return bus !== undefined;
}

async function connectAvahi(busPath: string, onSignal: (message: DBusMessage) => void): Promise<Bus | undefined> {
  const connected = await connectBus(busPath, onSignal);
  if (!connected.ok) return undefined;
  const bus = connected.value;
  await bus.call(busCall('Hello'));
  const owned = await bus.call(busCall('NameHasOwner', [dbus.string(avahiName)]));
  if (owned.ok && owned.value.body[0] === 1) return bus;
  bus.close();
  return undefined;
}

/** Undefined if there is no avahi. Needs no privileges: avahi lets every user publish. */
export async function avahiPublisher(deps: AvahiDeps): Promise<AvahiPublisher | undefined> {
  const { log, signal } = deps;
  const published = new Map<string, Published>();
  const told = new Set<string>();
  let { records, interfaceAddress } = deps;
  let interfaceIndex = -1;
  /** Nothing is tried meanwhile. */
  let refusal: string | undefined;
  let noted: string | undefined;
  let working: Promise<void> = Promise.resolve();

  const bus = await connectAvahi(deps.busPath ?? systemBusPath, onSignal);
  if (bus === undefined) return undefined;
  const { call } = bus;
  const ended = new AbortController();
  const lifetime = AbortSignal.any([signal, ended.signal]);
  signal.addEventListener('abort', () => bus.close(), { once: true });
  if (signal.aborted) bus.close();
  for (const rule of [
    `type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='${avahiName}'`,
    `type='signal',interface='${avahiName}.Server',member='StateChanged'`,
  ]) {
    await call(busCall('AddMatch', [dbus.string(rule)]));
  }
  if (deps.interface !== undefined) {
    const found = await call(serverCall('GetNetworkInterfaceIndexByName', [dbus.string(deps.interface)]));
    if (found.ok && typeof found.value.body[0] === 'number') interfaceIndex = found.value.body[0];
    else log.warn('avahi does not know the interface, and publishes on all', { interface: deps.interface });
  }
  log.info('mDNS goes through avahi', { address: interfaceAddress });
  void bus.closed.then(() => {
    ended.abort();
    refused(undefined);
  });
  void retry();
  reconcile();

  function update(next: readonly MdnsRecord[], address: Ipv4 = interfaceAddress): void {
    records = next;
    interfaceAddress = address;
    reconcile();
  }

  /** One after the other: a group is made of several calls. */
  function reconcile(): void {
    working = working.then(async () => {
      const wanted = new Map(avahiGroups(records, interfaceAddress, interfaceIndex).map((group) => [group.key, group]));
      for (const [key, { path, group }] of published) {
        if (wanted.has(key)) continue;
        published.delete(key);
        if (group.host !== undefined && told.delete(group.host)) tellConflictOver(group.host, deps);
        await call(groupCall(path, 'Free'));
      }
      for (const group of wanted.values()) {
        if (lifetime.aborted || refusal !== undefined) return;
        if (!published.has(group.key)) await publish(group);
      }
    });
  }

  async function publish(group: AvahiGroup): Promise<void> {
    const made = await call(serverCall('EntryGroupNew'));
    const path = made.ok ? made.value.body[0] : undefined;
    if (typeof path !== 'string') {
      // `disable-user-service-publishing` in avahi-daemon.conf, for one: it will not take the others either.
      if (!lifetime.aborted) refused(made.ok ? 'no reason given' : made.error.detail);
      return;
    }
    const mine: Published = { group, path, collided: false };
    published.set(group.key, mine);
    for (const { member, body } of group.entries) {
      const added = await call(groupCall(path, member, body));
      if (added.ok) continue;
      // Something on this machine has published the same: an avahi service file, /etc/avahi/hosts.
      log.debug('avahi does not take a record', { record: group.key, detail: added.error.detail });
      mine.collided = true;
      return;
    }
    await call(groupCall(path, 'Commit'));
  }

  function refused(detail: string | undefined): void {
    refusal = detail;
    // Once, not once a try.
    if (noted === detail) return;
    noted = detail;
    if (detail !== undefined) log.warn('avahi does not let us publish', { detail });
    deps.onRefused?.(detail);
  }

  function onSignal(message: DBusMessage): void {
    const [first] = message.body;
    // Gone, or another process now: whoever is there has to begin anew.
    if (message.member === 'NameOwnerChanged' && first === avahiName) bus?.close();
    if (message.member !== 'StateChanged' || typeof first !== 'number') return;
    if (message.path === '/') {
      // Its own host name may be another one now, and our service is on it.
      if (first === serverRunning) renew(() => true);
      return;
    }
    const mine = [...published.values()].find(({ path }) => path === message.path);
    if (mine === undefined) return;
    const { host } = mine.group;
    if (first === groupState.collision || first === groupState.failure) {
      mine.collided = true;
      if (host !== undefined) void conflict(host);
    } else if (first === groupState.established && host !== undefined && told.delete(host)) {
      tellConflictOver(host, deps);
    }
  }

  async function conflict(name: string): Promise<void> {
    if (told.has(name)) return;
    told.add(name);
    const [any, inet, none] = [dbus.int(interfaceIndex), dbus.int(0), dbus.uint(0)];
    const found = await call(serverCall('ResolveHostName', [any, inet, dbus.string(name), inet, none]));
    // interface, protocol, name, address protocol, address, flags
    const theirs = found.ok ? found.value.body[4] : undefined;
    // Meanwhile it was withdrawn, or is ours after all, and whoever was told so would hear the opposite last.
    if (!told.has(name) || lifetime.aborted) return;
    tellConflict({ name, ...(typeof theirs === 'string' && { theirs }) }, deps);
  }

  function renew(which: (one: Published) => boolean): void {
    working = working.then(async () => {
      for (const [key, one] of published) {
        if (!which(one)) continue;
        published.delete(key);
        await call(groupCall(one.path, 'Free'));
      }
    });
    reconcile();
  }

  async function retry(): Promise<void> {
    while (!lifetime.aborted) {
      await deps.clock.sleep(retryAfter, lifetime).catch(() => undefined);
      if (lifetime.aborted) return;
      refusal = undefined;
      renew(({ collided }) => collided);
      await working;
      if (refusal === undefined) refused(undefined);
    }
  }

  return { update, closed: bus.closed };
}
