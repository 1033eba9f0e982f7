/** A cluster that never answers. */
import { problem } from '../../../config/result.ts';
import type { AccessDeps } from '../../../daemon/http/endpoints/access.ts';

export const accessFake: AccessDeps = {
  giveAccess: async () => problem('NOT_READY', 'the cluster: nobody answers'),
};
