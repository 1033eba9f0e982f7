/** May boards that we do not know be answered, or does this network belong to another DHCP server? In mode `full` only. */
import type { Config } from '../../config/schema.ts';
import { type DeviceId, type Instant, minutes, since } from '../../config/values.ts';
import type { Device } from '../lifecycle/device.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store/store.ts';

/**
 * `searching`: nobody knows yet. `alone`: we looked, or the owner has said so. `deaf`: we cannot look. `narrowed`: another
 * server was heard. Boards that are on our disk are answered in each of them: a master that comes back must not keep them
 * waiting.
 */
export type DhcpStanding =
  | { readonly name: 'searching' | 'alone' }
  | { readonly name: 'deaf'; readonly reason: string }
  | { readonly name: 'narrowed'; readonly server: string };

export type DhcpStandings = {
  readonly now: () => DhcpStanding;
  readonly isAlone: () => boolean;
  /** Nobody answered for long enough. */
  readonly quiet: () => void;
  readonly deaf: (reason: string) => void;
  /** At once; settles when it is on disk, or when it is clear that it is not, which is logged. For good in this process. */
  readonly narrow: (server: string) => Promise<void>;
  /** This board found that another device uses its address. */
  readonly declined: (board: Pick<Device, 'id'>) => void;
  /** Boards that found it of late: they ask again as long as it is so. */
  readonly hasDeclined: (board: Pick<Device, 'id'>) => boolean;
};

/** A client waits ten seconds and asks again (RFC 2131 3.1); one that gave up is started again at some time. */
const declineLasts = minutes(15);

/** Its value is the other server's address. */
export const narrowedSetting = 'dhcp.narrowed';

/** `dhcp.search: 0` is the owner's word that the network is ours: it also ends what an earlier process remembered. */
export function createDhcpStanding(deps: {
  readonly config: Pick<Config, 'dhcp'>;
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}): DhcpStandings {
  const { config, settings, commit, clock, log } = deps;
  /** One a board at most. */
  const declines = new Map<DeviceId, Instant>();
  const confirmed = config.dhcp.search === 0;
  const remembered = settings.get(narrowedSetting);
  let standing: DhcpStanding = { name: confirmed ? 'alone' : 'searching' };
  let written: Promise<unknown> = Promise.resolve();

  /** One after the other: what was decided last is on disk last. */
  const write = (batch: Parameters<Store['commit']>[0]): Promise<unknown> => {
    written = written
      .then(() => commit(batch))
      .catch((cause: unknown) => log.error('the standing of DHCP is not written down', { cause }));
    return written;
  };
  if (config.dhcp.mode === 'full' && remembered !== undefined) {
    if (confirmed) void write([{ write: 'delete-setting', key: narrowedSetting }]);
    else standing = { name: 'narrowed', server: remembered };
  }

  return {
    now: () => standing,
    isAlone: () => standing.name === 'alone',
    quiet: () => {
      if (standing.name === 'narrowed') return;
      standing = { name: 'alone' };
    },
    deaf: (reason) => {
      if (standing.name === 'searching' || standing.name === 'deaf') standing = { name: 'deaf', reason };
    },
    narrow: async (server) => {
      if (standing.name === 'narrowed') return;
      standing = { name: 'narrowed', server };
      await write([{ write: 'put-setting', key: narrowedSetting, value: server }]);
    },
    declined: ({ id }) => {
      for (const [old, at] of declines) if (since(at, clock.now()) > declineLasts) declines.delete(old);
      declines.set(id, clock.now());
    },
    hasDeclined: ({ id }) => {
      const at = declines.get(id);
      return at !== undefined && since(at, clock.now()) <= declineLasts;
    },
  };
}

export const declineAdvice = ({ name, address }: Pick<Device, 'name' | 'address'>): string =>
  `another device uses ${address}, the address of ${name}: find it and take it off this network`;

/** The one line of the status, if there is something to say. */
export function standingAdvice(standing: DhcpStanding): string | undefined {
  switch (standing.name) {
    case 'alone':
      return undefined;
    case 'searching':
      return 'looking for another DHCP server on this network: new boards are answered after dhcp.search seconds';
    case 'deaf':
      return `cannot look for another DHCP server (${standing.reason}): new boards get no address; free port 68, or set dhcp.search to 0 if there is none`;
    case 'narrowed':
      return `another DHCP server, ${standing.server}, is on this network: new boards get no address; set dhcp.mode to proxy, or stop that server and restart with dhcp.search: 0`;
  }
}
