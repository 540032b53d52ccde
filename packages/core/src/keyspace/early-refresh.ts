import { ConfigurationError } from '../ports/errors.ts';
import { type Duration, durationMs } from './duration.ts';

/**
 * When a fresh value is reloaded in the background, before it expires, by the reads that hit it.
 *
 * `beta`: probabilistic early expiration (XFetch; Vattani, Chierichetti, Lowenstein: Optimal Probabilistic
 * Cache Stampede Prevention, VLDB 2015) with the measured load time; 1 is the optimum, more is earlier.
 * `within` and `probability`: each read within that time of expiry does it with that probability.
 * `false`: never.
 */
export type EarlyRefresh =
  | { readonly beta: number }
  | { readonly within: Duration; readonly probability: number }
  | false;

/** Before this many mean load times, fewer than one read in a million would refresh: none is asked. */
const LOADS_AHEAD_MAX = 14;

/** The rule of one keyspace, as functions of time left, load time and chance. */
export interface EarlyRule {
  /** How long before expiry a read may have to refresh, ms; before that nothing needs to be decided. */
  windowMs(loadMs: number): number;
  /** Whether a read with `leftMs` before expiry refreshes; `chance` is uniform in [0, 1). */
  isDue(leftMs: number, loadMs: number, chance: number): boolean;
}

const NEVER: EarlyRule = { windowMs: () => 0, isDue: () => false };

/** @throws ConfigurationError for numbers that make no rule */
export function earlyRule(keyspace: string, early: EarlyRefresh): EarlyRule {
  if (early === false) return NEVER;
  if ('beta' in early) {
    const { beta } = early;
    if (!(beta > 0 && beta <= 100)) {
      throw new ConfigurationError(
        `keyspace ${keyspace}, earlyRefresh: beta must be above 0 and at most 100, got ${beta}`,
      );
    }
    return {
      windowMs: (loadMs) => LOADS_AHEAD_MAX * beta * loadMs,
      isDue: (leftMs, loadMs, chance) => -loadMs * beta * Math.log(1 - chance) >= leftMs,
    };
  }
  const { probability } = early;
  const windowMs = durationMs(early.within, `keyspace ${keyspace}, earlyRefresh within`);
  if (!(probability > 0 && probability <= 1)) {
    throw new ConfigurationError(
      `keyspace ${keyspace}, earlyRefresh: probability must be above 0 and at most 1, got ${probability}`,
    );
  }
  return {
    windowMs: () => windowMs,
    isDue: (leftMs, _, chance) => leftMs < windowMs && chance < probability,
  };
}
