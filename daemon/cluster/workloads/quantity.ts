/** Kubernetes' quantities: `500m`, `4`, `3906220Ki`, `1.5Gi`, `2e3`. Pure. */

const factors: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** In whole units of the quantity (cores, bytes), as a fraction if need be; 0 for what is no quantity: the API has checked it. */
export function quantity(text: unknown): number {
  if (typeof text === 'number') return Number.isFinite(text) ? text : 0;
  const [, digits, suffix = ''] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([a-zA-Z]{0,2})$/.exec(String(text)) ?? [];
  const value = Number(digits) * (factors[suffix] ?? Number.NaN);
  return Number.isFinite(value) ? value : 0;
}

/** Thousandths of a core, rounded up as the scheduler does. */
export const cpuOf = (text: unknown): number => Math.ceil(quantity(text) * 1000 - 1e-9);
/** Bytes, rounded up. */
export const bytesOf = (text: unknown): number => Math.ceil(quantity(text));
