/** Signing in to the status page: the sessions, where the page is to be found, and what is done there for the events. */
import type { Config } from '../../../config/schema.ts';
import type { LoginDeps } from '../../http/endpoints/login.ts';
import type { PageDeps } from '../../http/endpoints/page.ts';
import { createSessions } from '../../http/sessions.ts';
import type { Clock, Log, Random } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { Store } from '../../store/store.ts';
import { readInterfaces } from '../../system/interface.ts';
import type { Network } from '../network/network.ts';
import { pageHosts } from '../network/page-hosts.ts';
import { uplinkPlace } from '../network/uplink.ts';

export type PageDeskDeps = {
  readonly config: Pick<Config, 'http'>;
  /** Where the boards' network is; the page is served on the uplink, too. */
  readonly site: Network['site'];
  readonly commit: Store['commit'];
  /** After the commit. */
  readonly onCommit: () => void;
  readonly rests: Pick<Rests, 'elapsed'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
};

export type PageDesk = LoginDeps & PageDeps;

export function pageDesk({ config, rests, random, clock, log, ...deps }: PageDeskDeps): PageDesk {
  const sessions = createSessions({ bytes: random.bytes, elapsed: rests.elapsed });
  return {
    sessions,
    invite: async (by) => {
      const here = deps.site();
      if (here === undefined) return { links: [], secondsLeft: 0 };
      // The owner's own network first.
      const uplink = uplinkPlace(here.uplink, here, await readInterfaces());
      const addresses = [uplink, here].flatMap((place) => place?.address ?? []);
      const hosts = [...new Set(addresses.flatMap((address) => pageHosts(address, config.http.port)))];
      const { code, left } = sessions.invite(by);
      // After the #: browsers keep that to themselves, and a preview of the link does not use it up.
      const links = hosts.map((host) => `http://${host}/#code=${code}`);
      return { links, secondsLeft: Math.ceil(left / 1000) };
    },
    record: async (name, reason) => {
      await deps.commit([{ write: 'append-notice', at: clock.now(), name, reason }]);
      deps.onCommit();
      log.info('status page', { name, reason });
    },
  };
}
