/** A flow of least cost by successive shortest paths (Bellman-Ford): slow, and hard to get wrong. An oracle for small plans. */
type Edge = { readonly to: number; capacity: number; readonly cost: number; readonly back: number };
export type Network = readonly Edge[][];

export const createNetwork = (vertices: number): Edge[][] => Array.from({ length: vertices }, () => []);

export function connect(network: Edge[][], from: number, to: number, capacity: number, cost: number): void {
  const [out, back] = [edgesOf(network, from), edgesOf(network, to)];
  out.push({ to, capacity, cost, back: back.length });
  back.push({ to: from, capacity: 0, cost: -cost, back: out.length - 1 });
}

/** As much as there can be from one to the other, at the least cost. Uses the network up. */
export function leastCost(
  network: Network,
  source: number,
  sink: number,
): { readonly amount: number; readonly cost: number } {
  let [amount, cost] = [0, 0];
  for (;;) {
    const path = cheapestPath(network, source, sink);
    if (path === undefined) return { amount, cost };
    for (const edge of path) {
      edge.capacity -= 1;
      const reverse = edgesOf(network, edge.to)[edge.back];
      if (reverse !== undefined) reverse.capacity += 1;
      cost += edge.cost;
    }
    amount += 1;
  }
}

function cheapestPath(network: Network, source: number, sink: number): readonly Edge[] | undefined {
  const distance = network.map((_, vertex) => (vertex === source ? 0 : Number.POSITIVE_INFINITY));
  const through: ({ readonly from: number; readonly edge: Edge } | undefined)[] = network.map(() => undefined);
  for (let round = 1; round < network.length; round++) {
    for (const [from, edges] of network.entries()) {
      for (const edge of edges) {
        const far = (distance[from] ?? 0) + edge.cost;
        if (edge.capacity === 0 || far >= (distance[edge.to] ?? 0)) continue;
        distance[edge.to] = far;
        through[edge.to] = { from, edge };
      }
    }
  }
  if (distance[sink] === Number.POSITIVE_INFINITY) return undefined;
  const path: Edge[] = [];
  for (let vertex = sink; vertex !== source; ) {
    const step = through[vertex];
    if (step === undefined) return undefined;
    path.push(step.edge);
    vertex = step.from;
  }
  return path;
}

function edgesOf<T>(network: readonly T[][], vertex: number): T[] {
  const edges = network[vertex];
  if (edges === undefined) throw new Error(`no vertex ${vertex}`);
  return edges;
}
