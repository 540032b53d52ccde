/**
 * The mean of min(T, X), where X is exponential with the rate `endRate`: for how long an entry lives that ends at its TTL
 * or with the first event of a Poisson process, whichever comes first: (1 - e^(-wT)) / w, and T where nothing ends it.
 */
export function meanLife(endRate: number, ttlS: number): number {
  if (endRate === 0) return ttlS;
  return ttlS === Number.POSITIVE_INFINITY ? 1 / endRate : -Math.expm1(-endRate * ttlS) / endRate;
}
