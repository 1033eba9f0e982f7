/**
 * Which Nodes are not what bramble joined. Names, labels and addresses of a Node are its kubelet's own words: whoever got hold
 * of a token or of a board's certificate may choose them. Pure.
 *
 * Only the role of a control plane is believed: kubelets are not allowed to set it (NodeRestriction, facts 2.5).
 */
import type { NodeFacts } from './nodes.ts';

/** Where one board is to be found in the cluster. */
export type Place = {
  /** What is in the label of its Node. */
  readonly device: string;
  /** Of the board, for people. */
  readonly name: string;
  /** What its Node is called. */
  readonly node: string;
  /** Permanent; undefined where the router may give it another one. */
  readonly address: string | undefined;
  /** It was joined, or is about to be. */
  readonly hasNode: boolean;
};

/** What is wrong with it. The same is told once, whatever else a kubelet says in between. */
export const suspicions = ['name', 'device', 'state', 'address'] as const;
export type Suspicion = (typeof suspicions)[number];

export type Suspect = {
  readonly node: NodeFacts;
  readonly suspicion: Suspicion;
  /** In words. */
  readonly why: string;
  /** The board that it concerns, if any. */
  readonly device: string | undefined;
};

/** Of any Node: undefined if it is a control plane's, or a board's and nothing speaks against it. */
export function createGuard(places: readonly Place[]): (node: NodeFacts) => Suspect | undefined {
  const byNode = new Map(places.map((place) => [place.node, place]));
  const byDevice = new Map(places.map((place) => [place.device, place]));
  const byAddress = new Map(places.map((place) => [place.address, place]));

  /** What is wrong, in words, and which board it concerns. */
  function wrong({ name, device, ready, internalIp }: NodeFacts): Wrong | undefined {
    const named = byNode.get(name);
    const resident = internalIp === undefined ? undefined : byAddress.get(internalIp);
    if (device === undefined) {
      if (named !== undefined) return ['name', `it has the name of ${named.name}, and bramble did not join it`, named];
      if (resident !== undefined) return ['address', `it has the address of ${resident.name}`, resident];
      return ['name', 'bramble joined no Node of this name', undefined];
    }
    const board = byDevice.get(device);
    if (board === undefined) return ['device', `it says to be the board ${device}, which is none of ours`, named];
    const says = `it says to be ${board.name}`;
    if (board.node !== name) return ['device', `${says}, whose Node is called ${board.node}`, board];
    // A Node of its earlier life stays for a while, and is not Ready.
    if (!board.hasNode && ready) return ['state', `${says}, which is not in the cluster`, board];
    if (resident !== undefined && resident !== board)
      return ['address', `${says}, and has the address of ${resident.name}`, board];
    return board.address !== undefined && internalIp !== undefined && board.address !== internalIp
      ? ['address', `${says}, which has the address ${board.address}, and has ${internalIp}`, board]
      : undefined;
  }

  return (node) => {
    const found = node.controlPlane ? undefined : wrong(node);
    if (found === undefined) return undefined;
    const [suspicion, why, board] = found;
    return { node, suspicion, why: why.slice(0, WHY_MAX), device: board?.device };
  };
}

/** Nobody limits what a kubelet calls an address. */
const WHY_MAX = 200;

type Wrong = readonly [Suspicion, why: string, board: Place | undefined];
