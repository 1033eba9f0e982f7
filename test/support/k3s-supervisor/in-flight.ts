/** How many agents are served at once (pkg/server/handlers/router.go): the others come again, with jitter. */
import type { Identity } from './identity.ts';

const most = { reading: 20, writing: 10 };

export type InFlight = {
  /** Undefined if there is no room; otherwise what to call at the end. */
  readonly enter: (method: string, identity: Identity) => (() => void) | undefined;
};

export function createInFlight(): InFlight {
  const now = { reading: 0, writing: 0 };
  return {
    enter: (method, { groups }) => {
      if (groups.includes('system:masters')) return () => undefined;
      const kind = method === 'GET' ? 'reading' : 'writing';
      if (now[kind] >= most[kind]) return undefined;
      now[kind] += 1;
      return () => {
        now[kind] -= 1;
      };
    },
  };
}
