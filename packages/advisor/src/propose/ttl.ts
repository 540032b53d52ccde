import { type Plan, predict } from '../model/predict.ts';
import type { Workload } from '../workload.ts';
import { TTL_STEPS_S, WORTH_SHARE } from './steps.ts';

/** Of a keyspace that says nothing else, and the shortest that is proposed. */
const DEFAULT_TTL_S = 300;

/**
 * Where invalidations keep values right, a TTL bounds what is kept, and what a change does that nobody told of: the shortest step is
 * best that costs less than a hundredth of the reads in misses, compared with the longest.
 */
export function proposeTtlS(work: Workload, plan: Plan): number {
  // What L1 holds makes no difference to misses, unless it is refreshed; without it the model is quicker.
  const l1Entries = plan.onWrite === 'refresh' ? plan.l1Entries : 0;
  const misses = (ttlS: number): number => predict(work, { ...plan, l1Entries, ttlS }).misses;
  const least = misses(TTL_STEPS_S.at(-1)!);
  const steps = TTL_STEPS_S.filter((ttlS) => ttlS >= DEFAULT_TTL_S);
  return steps.find((ttlS) => misses(ttlS) - least <= WORTH_SHARE) ?? steps.at(-1)!;
}
