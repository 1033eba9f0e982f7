/** One code, for everybody. */
import type { LoginDeps } from '../../../daemon/http/endpoints/login.ts';

export const loginFake: LoginDeps = {
  invite: async () => ({
    links: ['http://master.local:8067/#code=a-code', 'http://192.168.1.10:8067/#code=a-code'],
    secondsLeft: 600,
  }),
};
