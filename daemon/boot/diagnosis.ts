/**
 * Why a board stops, told from what was seen of its start: a table of patterns, the surest first (facts 3 to 6, 11). Pure. A healthy
 * boot fits none of them at any moment.
 */
import { type BootFacts, type Clues, cluesOf } from './clues.ts';
import { dhcpRules } from './diagnosis-dhcp.ts';
import { fileRules } from './diagnosis-files.ts';
import { systemRules } from './diagnosis-system.ts';

export type { BootFacts } from './clues.ts';

export type Diagnosis = {
  readonly code: string;
  /** Of the board ("it …"); no full stop. */
  readonly sentence: string;
  /** As an order. */
  readonly deed: string;
  /** False: it gets on, later than it could; the advice on the network tells of that as well. */
  readonly stops: boolean;
};

/** What fits, or undefined. `code` of a diagnosis never changes. */
export type Rule = {
  readonly code: string;
  readonly delays?: true;
  readonly finds: (clues: Clues) => { readonly sentence: string; readonly deed: string } | undefined;
};

const rules: readonly Rule[] = [...systemRules, ...dhcpRules, ...fileRules];

export function diagnose(facts: BootFacts): Diagnosis | undefined {
  const clues = cluesOf(facts);
  for (const { code, delays, finds } of rules) {
    const found = finds(clues);
    if (found !== undefined) return { code, ...found, stops: delays === undefined };
  }
  return undefined;
}
