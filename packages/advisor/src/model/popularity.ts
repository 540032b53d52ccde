/** Keys that are read alike: how many, and each one's share of all reads. */
export interface KeyClass {
  readonly keys: number;
  readonly share: number;
}

/** The hottest ranks stand for themselves. */
const EXACT_RANKS = 256;
/** Classes for each doubling of the rank after those. */
const CLASSES_PER_DOUBLING = 16;

/**
 * Zipf's law over `keys` keys: the key of rank k is read in proportion to k^-alpha (Breslau et al., "Web caching and
 * Zipf-like distributions", INFOCOM 1999). Ranks beyond 256 are put together in classes within which rates differ by
 * at most 4.4 % times alpha; a class holds the integral of x^-alpha over its ranks (midpoint rule), so that 10^9 keys are some
 * 600 classes.
 */
export function zipfClasses(keys: number, alpha: number): KeyClass[] {
  const classes: { keys: number; weight: number }[] = [];
  const exact = Math.min(keys, EXACT_RANKS);
  for (let rank = 1; rank <= exact; rank += 1) classes.push({ keys: 1, weight: rank ** -alpha });
  for (let from = exact; from < keys;) {
    const to = Math.min(keys, Math.max(from + 1, Math.round(from * 2 ** (1 / CLASSES_PER_DOUBLING))));
    classes.push({ keys: to - from, weight: powerIntegral(from + 0.5, to + 0.5, alpha) });
    from = to;
  }
  const total = classes.reduce((sum, { weight }) => sum + weight, 0);
  return classes.map(({ keys: count, weight }) => ({ keys: count, share: weight / total / count }));
}

/** The integral of x^-alpha from `from` to `to`; also where alpha is 1, or so near that a difference of powers says nothing. */
function powerIntegral(from: number, to: number, alpha: number): number {
  const log = Math.log(to / from);
  const exponent = (1 - alpha) * log;
  return from ** (1 - alpha) * log * (Math.abs(exponent) < 1e-12 ? 1 : Math.expm1(exponent) / exponent);
}
