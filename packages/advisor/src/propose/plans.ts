import type { OnWrite } from '../model/key-flow.ts';
import { type Plan, type Prediction, predict } from '../model/predict.ts';
import type { Workload } from '../workload.ts';
import { type L1Size, proposeL1 } from './l1.ts';
import { NEGATIVE_TTL_S, proposeNegativeTtlS } from './negative-ttl.ts';
import { proposeTtlS } from './ttl.ts';

/** A way to cache, tuned to the workload, and what it brings. */
export interface Candidate {
  readonly plan: Plan;
  readonly l1: L1Size | null;
  readonly prediction: Prediction;
}

/** What a node's L1 has room for, for choosing a TTL before its L1 is chosen. */
const L1_ENTRIES = 10_000;

/** Caches whose values are invalidated. */
export function invalidated(work: Workload, onWrite: OnWrite): Candidate {
  const first: Plan = {
    ttlS: 300,
    negativeTtlS: NEGATIVE_TTL_S,
    onWrite,
    invalidated: true,
    l1Entries: Math.min(work.keys, L1_ENTRIES),
  };
  const ttlS = proposeTtlS(work, first);
  return withL1(work, { ...first, ttlS, negativeTtlS: proposeNegativeTtlS(work, ttlS) });
}

/** Caches that nobody tells of writes: their values end with the tolerance. */
export function ttlOnly(work: Workload, ttlS: number): Candidate {
  return withL1(work, {
    ttlS,
    negativeTtlS: Math.min(ttlS, NEGATIVE_TTL_S),
    onWrite: 'invalidate',
    invalidated: false,
    l1Entries: Math.min(work.keys, L1_ENTRIES),
  });
}

function withL1(work: Workload, plan: Plan): Candidate {
  const l1 = proposeL1(work, plan);
  const chosen = { ...plan, l1Entries: l1?.entriesMax ?? 0 };
  return { plan: chosen, l1, prediction: predict(work, chosen) };
}
