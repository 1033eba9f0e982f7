import type { Route } from '../router.ts';
import { eventStreamRoute, eventsRoute } from './events.ts';
import {
  describeRoute,
  deviceRoute,
  devicesRoute,
  healthRoute,
  metricsRoute,
  type ReadDeps,
  statusRoute,
  workloadsRoute,
} from './read.ts';

/** What everybody on the LAN may see: reading only, no way to change anything. */
export const lanApi = (deps: Omit<ReadDeps, 'ready'>): readonly Route[] => [
  healthRoute,
  statusRoute(deps),
  devicesRoute(deps),
  deviceRoute(deps),
  describeRoute(deps),
  eventsRoute(deps),
  eventStreamRoute(deps),
  workloadsRoute(deps),
  metricsRoute(deps),
];
