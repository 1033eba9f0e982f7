/** The most even spread of one owner's pods, and how few moves lead to it: two oracles that know nothing of each other. */
import { connect, createNetwork, leastCost } from './flow.ts';

/** One Node: how many are there, how many of these cannot go, how many there may be. */
export type Place = { readonly count: number; readonly fixed: number; readonly most: number };
export type Optimum = { readonly squares: number; readonly moves: number };

const heavy = 10_000;

/**
 * By a flow: each pod goes to one seat of one Node. The k-th seat of a Node costs what it adds to the sum of squares, 2k − 1, and
 * far less than that one for each pod that comes from elsewhere.
 */
export function optimumByFlow(places: readonly Place[]): Optimum {
  const [source, sink] = [0, 1];
  const network = createNetwork(2 + 2 * places.length);
  const here = (index: number): number => 2 + index;
  const seats = (index: number): number => 2 + places.length + index;
  for (const [index, { count, fixed, most }] of places.entries()) {
    connect(network, source, seats(index), fixed, 0);
    connect(network, source, here(index), count - fixed, 0);
    for (const other of places.keys())
      connect(network, here(index), seats(other), count - fixed, other === index ? 0 : 1);
    for (let seat = 1; seat <= Math.max(most, count); seat++)
      connect(network, seats(index), sink, 1, (2 * seat - 1) * heavy);
  }
  const { cost } = leastCost(network, source, sink);
  return { squares: Math.floor(cost / heavy), moves: cost % heavy };
}

/** By trying everything. */
export function optimumByTrying(places: readonly Place[]): Optimum {
  const sum = places.reduce((all, { count }) => all + count, 0);
  let best: Optimum = { squares: Number.POSITIVE_INFINITY, moves: 0 };
  const seek = (index: number, left: number, squares: number, moves: number): void => {
    const place = places[index];
    if (place === undefined) {
      const isBetter = squares < best.squares || (squares === best.squares && moves < best.moves);
      if (left === 0 && isBetter) best = { squares, moves };
      return;
    }
    for (let count = place.fixed; count <= Math.min(left, Math.max(place.most, place.count)); count++)
      seek(index + 1, left - count, squares + count * count, moves + Math.max(0, place.count - count));
  };
  seek(0, sum, 0, 0);
  return best;
}

export const isEven = (counts: readonly number[]): boolean =>
  counts.length === 0 || Math.max(...counts) - Math.min(...counts) <= 1;
