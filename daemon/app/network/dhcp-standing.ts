/** What DHCP does on this network: which mode, chosen by whom, and may boards that we do not know be answered? */
import type { Config } from '../../../config/schema.ts';
import type { DhcpMode } from '../../dhcp/server.ts';
import type { MasterView } from '../../http/wire.ts';
import type { Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';

export type DhcpStanding =
  /** As the owner wrote it, or `proxy` as it was chosen. */
  | { readonly name: 'off' | 'proxy' }
  /** `auto`, and nobody knows yet whose network this is: nobody is answered. `deaf`: why we cannot look. */
  | { readonly name: 'choosing'; readonly deaf?: string }
  /**
   * All that follow are `full`. Boards that are on our disk are answered in each of them: a master that comes back must not
   * keep them waiting. `searching`: nobody knows yet. `alone`: we looked, or the owner has said so. `deaf`: we cannot look.
   * `narrowed`: another server was heard.
   */
  | { readonly name: 'searching' }
  /** `deaf`: why one that comes now would not be noticed. */
  | { readonly name: 'alone'; readonly deaf?: string }
  | { readonly name: 'deaf'; readonly reason: string }
  | { readonly name: 'narrowed'; readonly server: string };

export type DhcpStandings = {
  readonly now: () => DhcpStanding;
  /** Undefined until it is chosen. */
  readonly mode: () => DhcpMode | undefined;
  readonly isAlone: () => boolean;
  /** Another server gives addresses here. */
  readonly hearsAnother: () => boolean;
  /** Nobody answered for long enough. `auto` is `full` once that is on disk; if it cannot be written it stays as it was. */
  readonly quiet: () => Promise<void>;
  readonly deaf: (reason: string) => void;
  /** We can look, for the first time or again. */
  readonly hears: () => void;
  /** The cable was out, or the address is another one: it may be another network, whose owner said nothing yet. */
  readonly moved: () => void;
  /**
   * Another server answers: `auto` that has not chosen becomes `proxy`, `full` is narrowed. At once; settles when it is on
   * disk, or when it is clear that it is not, which is logged. For good in this process.
   */
  readonly narrow: (server: string) => Promise<void>;
};

/** What `auto` chose: `full` or `proxy`. */
export const chosenSetting = 'dhcp.chosen';
/** Its value is the other server's address. */
export const narrowedSetting = 'dhcp.narrowed';

type Writes = Parameters<Store['commit']>[0];
const choose = (mode: 'full' | 'proxy') => ({ write: 'put-setting', key: chosenSetting, value: mode }) as const;
const forgetServer = { write: 'delete-setting', key: narrowedSetting } as const;

/**
 * Where a process begins, and what of it has to be written down. `dhcp.search: 0` is the owner's word that the network is
 * ours: it also ends what an earlier process remembered. Nothing else widens: a master is up before its router (design,
 * Networks).
 */
export function firstStanding(
  { mode, search }: Pick<Config['dhcp'], 'mode' | 'search'>,
  settings: ReadonlyMap<string, string>,
): { readonly standing: DhcpStanding; readonly writes: Writes } {
  if (mode === 'off' || mode === 'proxy') return { standing: { name: mode }, writes: [] };
  const server = settings.get(narrowedSetting);
  const chosen = mode === 'full' ? 'full' : settings.get(chosenSetting);
  if (search === 0) {
    const choice = mode === 'auto' && chosen !== 'full' ? [choose('full')] : [];
    return { standing: { name: 'alone' }, writes: [...choice, ...(server === undefined ? [] : [forgetServer])] };
  }
  if (chosen === 'proxy') return { standing: { name: 'proxy' }, writes: [] };
  if (chosen === 'full') {
    return { standing: server === undefined ? { name: 'searching' } : { name: 'narrowed', server }, writes: [] };
  }
  // The owner's `full` met a router on this network, and now it says `auto`: that is known, not to be looked for.
  return server === undefined
    ? { standing: { name: 'choosing' }, writes: [] }
    : { standing: { name: 'proxy' }, writes: [choose('proxy'), forgetServer] };
}

export function modeOf({ name }: DhcpStanding): DhcpMode | undefined {
  if (name === 'choosing') return undefined;
  return name === 'off' || name === 'proxy' ? name : 'full';
}

export function createDhcpStanding(deps: {
  readonly config: Pick<Config, 'dhcp'>;
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  readonly log: Log;
}): DhcpStandings {
  const { log } = deps;
  const first = firstStanding(deps.config.dhcp, deps.settings);
  let { standing } = first;
  let written: Promise<unknown> = Promise.resolve();

  /** One after the other: what was decided last is on disk last. False: it is not. */
  function write(batch: Writes): Promise<boolean> {
    const turn = written
      .then(() => deps.commit(batch))
      .then(
        () => true,
        (cause: unknown) => {
          log.error('the standing of DHCP is not written down', { cause });
          return false;
        },
      );
    written = turn;
    return turn;
  }
  if (first.writes.length > 0) void write(first.writes);

  async function quiet(): Promise<void> {
    if (standing.name === 'choosing') {
      if (!(await write([choose('full')]))) return;
      // The other server may have been heard while it was written.
      if (standing.name === 'choosing') standing = { name: 'alone' };
    } else if (modeOf(standing) === 'full' && standing.name !== 'narrowed') standing = { name: 'alone' };
  }

  async function narrow(server: string): Promise<void> {
    if (standing.name === 'choosing') {
      standing = { name: 'proxy' };
      await write([choose('proxy')]);
    } else if (modeOf(standing) === 'full' && standing.name !== 'narrowed') {
      standing = { name: 'narrowed', server };
      await write([{ write: 'put-setting', key: narrowedSetting, value: server }]);
    }
  }

  function deaf(reason: string): void {
    if (standing.name === 'choosing') standing = { name: 'choosing', deaf: reason };
    if (standing.name === 'searching' || standing.name === 'deaf') standing = { name: 'deaf', reason };
    if (standing.name === 'alone') standing = { name: 'alone', deaf: reason };
  }

  function hears(): void {
    if (standing.name === 'choosing' || standing.name === 'alone') standing = { name: standing.name };
    if (standing.name === 'deaf') standing = { name: 'searching' };
  }

  return {
    now: () => standing,
    mode: () => modeOf(standing),
    isAlone: () => standing.name === 'alone',
    hearsAnother: () => standing.name === 'proxy' || standing.name === 'narrowed',
    quiet,
    deaf,
    hears,
    moved: () => {
      if (standing.name === 'alone' && deps.config.dhcp.search > 0) standing = { name: 'searching' };
    },
    narrow,
  };
}

/** What is really done now, in one word. */
export function dhcpModeView(standing: DhcpStanding): MasterView['dhcpMode'] {
  switch (standing.name) {
    case 'off':
    case 'proxy':
    case 'narrowed':
    case 'searching':
    case 'deaf':
      return standing.name;
    case 'choosing':
      return standing.deaf === undefined ? 'searching' : 'deaf';
    case 'alone':
      return 'full';
  }
}

/** Boards wait, and go on waiting until the owner does something about it. */
export const isStandstill = (standing: DhcpStanding): boolean =>
  standing.name === 'narrowed' || dhcpModeView(standing) === 'deaf';

/** `auto` and `full` go on from here: `dhcp.search: 0` for one start ends what is remembered of the other server. */
const startOnce = 'start once with dhcp.search: 0, then take that line out again';

/** The one line of the status, if there is something to say. */
export function standingAdvice(
  standing: DhcpStanding,
  { topology, dhcp: { mode, search } }: Pick<Config, 'topology' | 'dhcp'>,
): string | undefined {
  switch (standing.name) {
    case 'alone':
      return standing.deaf === undefined
        ? undefined
        : `cannot look for another DHCP server (${standing.deaf}): one that comes to this network now is not noticed; see that port 68 is free`;
    case 'proxy':
      if (topology !== 'behind-master') return undefined;
      return mode === 'proxy'
        ? 'dhcp.mode is proxy, which leaves the addresses to another DHCP server, though topology is behind-master: take one of the two lines out'
        : `another DHCP server is on the boards’ switch, though topology is behind-master: unplug it, ${startOnce}; or set topology to beside-router`;
    case 'off':
      return 'no board is answered: dhcp.mode in bramble.yaml is off';
    case 'choosing':
      return standing.deaf === undefined
        ? `looking for another DHCP server on this network: no board is answered until that took ${search} seconds (dhcp.search); switch a Pi that was on before off and on again then`
        : `cannot look for another DHCP server (${standing.deaf}): no board is answered; free port 68, or set dhcp.mode to proxy (beside a router), or dhcp.search to 0 (you are sure there is no other)`;
    case 'searching':
      return `looking for another DHCP server on this network: new boards are answered after ${search} seconds (dhcp.search)`;
    case 'deaf':
      return `cannot look for another DHCP server (${standing.reason}): new boards get no address; free port 68, or set dhcp.search to 0 (you are sure there is no other)`;
    case 'narrowed':
      return topology === 'behind-master'
        ? `another DHCP server, ${standing.server}, is on the boards’ switch: new boards get no address; unplug it, ${startOnce}`
        : `another DHCP server, ${standing.server}, is on this network: new boards get no address; set dhcp.mode to proxy, or stop that server and ${startOnce}`;
  }
}
