/** What is different where boards join by kube-config: the cluster is on a board, and Nodes go by their addresses. */
import { type Config, plainMaster } from '../../../config/schema.ts';
import { type Ipv4, parseHostname, parseIpv4 } from '../../../config/values.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Fleet } from '../../lifecycle/fleet.ts';

/** Where the master is, as soon as that is known. */
export function masterAddress(
  { controlPlane, server }: Config['cluster'],
  fleet: Pick<Fleet, 'byName'>,
): Ipv4 | undefined {
  if (controlPlane !== undefined) return fleet.byName(controlPlane)?.address;
  return server === undefined ? undefined : plainMaster(server);
}

/** How the cluster is reached without a kubeconfig; undefined: with one. */
export function plainServer(
  { cluster }: Pick<Config, 'cluster'>,
  fleet: () => Pick<Fleet, 'byName'>,
): (() => string | undefined) | undefined {
  if (cluster.driver !== 'kube-config') return undefined;
  return () => {
    const address = masterAddress(cluster, fleet());
    return address && `http://${address}:8080`;
  };
}

export type NodeNames = {
  /** The name that the board's Node has, or would have; undefined: not known while its address is not. */
  readonly of: (device: Pick<Device, 'name' | 'address'>) => string | undefined;
  /** The board whose Node has this name. */
  readonly boardOf: (node: string) => Device | undefined;
};

export function nodeNames(
  { cluster }: { readonly cluster: Pick<Config['cluster'], 'driver'> },
  fleet: () => Pick<Fleet, 'byName' | 'byAddress'>,
): NodeNames {
  if (cluster.driver === 'kube-config')
    return {
      of: ({ address }) => address,
      boardOf: (node) => {
        const address = parseIpv4(node);
        return address.ok ? fleet().byAddress(address.value) : undefined;
      },
    };
  return {
    of: ({ name }) => name,
    boardOf: (node) => {
      const name = parseHostname(node);
      return name.ok ? fleet().byName(name.value) : undefined;
    },
  };
}

/** What `bramble` and the page say for as long as it is used. */
export const LEGACY =
  'cluster.driver kube-config is legacy: no failover and no balance, for Kubernetes 1.3.6 has neither the taints nor the evictions that they work by; and its API asks for no password: anybody on this network is its administrator. k3s has none of this';
