/** A length of time as people type it. */
import { InvalidArgumentError } from 'commander';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `90s`, `10m`, `2h`: seconds; `most` hours at most. */
export const spanUpTo =
  (most: number) =>
  (text: string): number => {
    const [, digits, unit = ''] = /^([1-9]\d{0,6})([smh])$/.exec(text) ?? [];
    const span = Number(digits) * (units[unit] ?? Number.NaN);
    if (!(span <= most * 3600)) throw new InvalidArgumentError(`a time such as 90s, 10m or 2h, ${most}h at most`);
    return span;
  };
