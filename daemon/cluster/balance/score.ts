/**
 * What the default scheduler thinks of a Node for a pod, but for where its fellows are: NodeResourcesFit's filter and its
 * LeastAllocated, BalancedAllocation, TaintToleration (facts 4.1). Whole numbers, as there. Not known here: which images a Node
 * has, preferred affinities.
 */
import { at, type Ledger } from './ledger.ts';
import type { Profile } from './reach.ts';

export const noRoom = -1;
export const bestScore = 500;
const taintWeight = 3;

/** `without`: as if one such pod that is there were gone. */
export function scoreOf(
  ledger: Ledger,
  { reach, requests, scored }: Profile,
  slot: number,
  without: Pick<Profile, 'requests' | 'scored'> | undefined,
): number {
  const room = ledger.nodes[slot]?.allocatable;
  if (room === undefined) return noRoom;
  const goes = without?.requests;
  if (at(ledger.pods, slot) + (goes === undefined ? 1 : 0) > room.pods) return noRoom;
  if (requests.cpu > 0 && at(ledger.cpu, slot) + requests.cpu - (goes?.cpu ?? 0) > room.cpu) return noRoom;
  if (requests.memory > 0 && at(ledger.memory, slot) + requests.memory - (goes?.memory ?? 0) > room.memory)
    return noRoom;
  const cpu = at(ledger.scoredCpu, slot) + scored.cpu - (without?.scored.cpu ?? 0);
  const memory = at(ledger.scoredMemory, slot) + scored.memory - (without?.scored.memory ?? 0);
  const least = Math.floor((leftOver(cpu, room.cpu) + leftOver(memory, room.memory)) / 2);
  // Of two fractions the standard deviation is half of their difference.
  const apart = Math.abs(Math.min(1, cpu / room.cpu) - Math.min(1, memory / room.memory)) / 2;
  const soft = reach.softMost === 0 ? 100 : 100 - Math.floor((100 * at(reach.soft, slot)) / reach.softMost);
  return least + Math.floor((1 - apart) * 100) + taintWeight * soft;
}

/** Percent that is left over. */
const leftOver = (used: number, of: number): number => (used > of ? 0 : Math.floor(((of - used) * 100) / of));
