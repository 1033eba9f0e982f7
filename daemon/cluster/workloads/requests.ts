/** What a pod asks for in all, as the scheduler counts it. Pure. */
import { field, list } from '../watch-event.ts';
import type { Resources } from './facts.ts';
import { bytesOf, cpuOf } from './quantity.ts';

const none: Resources = { cpu: 0, memory: 0 };
const plus = (a: Resources, b: Resources): Resources => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory });
const most = (a: Resources, b: Resources): Resources => ({
  cpu: Math.max(a.cpu, b.cpu),
  memory: Math.max(a.memory, b.memory),
});

const readResources = (value: unknown): Resources => ({
  cpu: cpuOf(field(value, 'cpu') ?? 0),
  memory: bytesOf(field(value, 'memory') ?? 0),
});
const requestsOf = (container: unknown): Resources => readResources(field(field(container, 'resources'), 'requests'));

/**
 * All containers together, or what it needs while it starts, if that is more: init containers run one after another, beside
 * the sidecars that were started before them. Requests of the whole pod (Kubernetes 1.34) take the place of this sum.
 */
export function podRequests(spec: unknown): Resources {
  let [sidecars, starting] = [none, none];
  for (const container of list(field(spec, 'initContainers'))) {
    const wanted = requestsOf(container);
    if (field(container, 'restartPolicy') === 'Always') sidecars = plus(sidecars, wanted);
    starting = most(starting, field(container, 'restartPolicy') === 'Always' ? sidecars : plus(sidecars, wanted));
  }
  const running = list(field(spec, 'containers')).map(requestsOf).reduce(plus, sidecars);
  const whole = field(field(spec, 'resources'), 'requests');
  const counted = most(running, starting);
  const wanted = {
    cpu: field(whole, 'cpu') === undefined ? counted.cpu : readResources(whole).cpu,
    memory: field(whole, 'memory') === undefined ? counted.memory : readResources(whole).memory,
  };
  return plus(wanted, readResources(field(spec, 'overhead')));
}
