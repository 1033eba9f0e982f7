/** Services, for the status page: a watch of their own, so that nothing is kept or left because of them. */
import type { NodeFacts, WatchOptions } from '../nodes.ts';
import { type Reflector, reflect } from '../watch.ts';
import { field, list, nameOf, text } from '../watch-event.ts';

export type ServiceFacts = {
  /** `namespace/name`. */
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  readonly ports: readonly ServicePort[];
  /** Where it is reached from outside at its own ports: `externalIPs`, and what a load balancer gave it. */
  readonly addresses: readonly string[];
};
export type ServicePort = {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  /** On every Node; undefined where it has none. */
  readonly nodePort: number | undefined;
};

const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;

/** Pure. Its slim copy; undefined for what is no Service. */
export function readService(object: unknown): ServiceFacts | undefined {
  const name = nameOf(object);
  if (name === undefined) return undefined;
  const [spec, balancer] = [field(object, 'spec'), field(field(object, 'status'), 'loadBalancer')];
  const given = list(field(balancer, 'ingress')).map((one) => text(field(one, 'ip')) ?? text(field(one, 'hostname')));
  const addresses = [...list(field(spec, 'externalIPs')).map(text), ...given];
  return {
    name,
    type: types.find((one) => one === field(spec, 'type')) ?? 'ClusterIP',
    ports: list(field(spec, 'ports')).flatMap(readPort),
    addresses: [...new Set(addresses.filter((one) => one !== undefined))],
  };
}

function readPort(value: unknown): readonly ServicePort[] {
  const [port, nodePort] = [field(value, 'port'), field(value, 'nodePort')];
  if (typeof port !== 'number') return [];
  return [
    {
      name: text(field(value, 'name')) ?? '',
      protocol: text(field(value, 'protocol')) ?? 'TCP',
      port,
      nodePort: typeof nodePort === 'number' && nodePort > 0 ? nodePort : undefined,
    },
  ];
}

/** Nodes that can be sent a browser. */
export type Reachable = Pick<NodeFacts, 'name' | 'ready' | 'internalIp'>;

/**
 * Pure. Where a browser on the LAN gets an answer of this port, the best first: its own address, then Nodes that are Ready
 * (kube-proxy answers a nodePort on each). Empty for UDP, and for what is inside the cluster only.
 */
export function linksTo(service: ServiceFacts, port: ServicePort, nodes: readonly Reachable[]): readonly string[] {
  if (port.protocol !== 'TCP') return [];
  const own = service.addresses.map((address) => urlOf(address, port));
  const ports = nodes.flatMap(({ ready, internalIp }) =>
    ready && internalIp !== undefined && port.nodePort !== undefined
      ? [urlOf(internalIp, { ...port, port: port.nodePort })]
      : [],
  );
  return [...own, ...ports].filter((url) => url !== undefined).slice(0, linksMax);
}

const linksMax = 4;

/** Only hosts as they may stand in a URL: whoever may write Services does not write the page. */
function urlOf(host: string, { name, port }: Pick<ServicePort, 'name' | 'port'>): string | undefined {
  const written = /^[\da-f:]*:[\da-f:.]*$/i.test(host) ? `[${host}]` : host;
  if (!/^(\[[\da-f:.]+\]|[a-z\d.-]{1,253})$/i.test(written)) return undefined;
  const scheme = port === 443 || port === 8443 || name.startsWith('https') ? 'https' : 'http';
  const shown = (scheme === 'http' && port === 80) || (scheme === 'https' && port === 443) ? '' : `:${port}`;
  return `${scheme}://${written}${shown}/`;
}

/** Returns at once, and begins to watch. */
export const watchServices = (options: WatchOptions): Reflector<ServiceFacts> =>
  reflect({
    ...options,
    path: '/api/v1/services',
    project: readService,
    mayBeUnknown: true,
    onChange: () => undefined,
  });
