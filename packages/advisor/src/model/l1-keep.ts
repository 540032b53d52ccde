import { meanLife } from './lifetime.ts';

const KEEP_S_MIN = 1e-9;
const KEEP_S_MAX = 1e12;
/** Halvings: to within a hundred-thousandth. */
const STEPS = 24;

/**
 * For how long an LRU of `entries` keeps what is not read again: Che's characteristic time (Che, Tung, Wang,
 * "Hierarchical Web caching systems", IEEE JSAC 20(7), 2002), the time at which as many keys as there is room for are
 * expected to be held. Infinite when all fit.
 *
 * @param held keys that are held if each is kept for so long, s; never falls with it
 */
export function l1KeepS(held: (keepS: number) => number, entries: number): number {
  if (entries <= 0) return 0;
  if (held(Number.POSITIVE_INFINITY) <= entries) return Number.POSITIVE_INFINITY;
  let low = Math.log(KEEP_S_MIN);
  let high = Math.log(KEEP_S_MAX);
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (held(Math.exp(middle)) < entries) low = middle;
    else high = middle;
  }
  return Math.exp(low);
}

/**
 * The chance that a node's L1 holds a key: the node read or reloaded it within `keepS`, and no invalidation came since, but for
 * those that it answered by a reload. What is past its TTL still takes its place. Rates are the node's own.
 */
export function heldChance(reads: number, reloads: number, invalidations: number, keepS: number): number {
  const puts = reads + reloads;
  return puts === 0 ? 0 : puts * meanLife(reads + invalidations, keepS);
}
