/**
 * What a distribution takes for pods and services if nobody says otherwise. kubeadm has no pods of its own to place; flannel
 * is what its guide begins with. An address that is in two places is reached in one of them only, on every node.
 */
import { must } from './result.ts';
import type { Config } from './schema.ts';
import { overlap, parseSubnet, type Subnet } from './values.ts';

const distributionRanges: Readonly<Record<Config['cluster']['driver'], readonly Subnet[]>> = {
  k3s: [must(parseSubnet('10.42.0.0/16')), must(parseSubnet('10.43.0.0/16'))],
  kubeadm: [must(parseSubnet('10.96.0.0/12')), must(parseSubnet('10.244.0.0/16'))],
  'kube-config': [must(parseSubnet('10.1.0.0/16')), must(parseSubnet('10.0.0.0/24'))],
};

/** The range of the cluster that `subnet` has addresses in common with. */
export const clusterRangeIn = (subnet: Subnet, { ranges, driver }: Config['cluster']): Subnet | undefined =>
  (ranges ?? distributionRanges[driver]).find((range) => overlap(range, subnet));
