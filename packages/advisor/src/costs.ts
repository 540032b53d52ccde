import type { Prediction } from './model/predict.ts';
import type { ConsistencyProposal } from './propose/consistency.ts';
import type { Workload } from './workload.ts';

/** Times of a read, ms, as docs/reference/benchmarks.md measures them, rounded up: networks are slower than one machine. */
export const L1_MS = 0.001;
export const L2_MS = 0.5;
/** A miss asks L2, takes a lease, and fills: three round trips besides its load. */
export const MISS_MS = 3 * L2_MS;
/** Asking the source for a version: an indexed look-up. */
export const VERSION_MS = 1;

const SECONDS_A_MONTH = 30 * 86_400;

/** Of a read that no cache answers, and of those behind caches. */
export interface Latency {
  readonly withoutMs: number;
  readonly meanMs: number;
  readonly p50Ms: number;
}

/** Null when what a load takes is not known. */
export function latencyOf(
  { loadCost }: Workload,
  { l1, l2, misses }: Prediction,
  { level }: ConsistencyProposal,
): Latency | null {
  if (loadCost === undefined) return null;
  const asked = level === 'latest' ? VERSION_MS : 0;
  const missMs = MISS_MS + loadCost;
  const p50Ms = l1 > 0.5 ? L1_MS : l1 + l2 > 0.5 ? L2_MS : missMs;
  return {
    withoutMs: loadCost,
    meanMs: asked + l1 * L1_MS + l2 * L2_MS + misses * missMs,
    p50Ms: asked + p50Ms,
  };
}

/** Of a month of 30 days. */
export interface Savings {
  readonly queries: number;
  /** Null without a price. */
  readonly money: number | null;
}

export function savingsOf({ pricePerMillion }: Workload, { reads, loads }: Prediction): Savings {
  const queries = (reads - loads) * SECONDS_A_MONTH;
  return { queries, money: pricePerMillion === undefined ? null : (queries / 1e6) * pricePerMillion };
}
