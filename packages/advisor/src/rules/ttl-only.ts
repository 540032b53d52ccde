import { percent, spanText } from '../words.ts';
import { type Facts, invalidatingWrites, type Verdict } from './rule.ts';

/** From here on a TTL is a bound that people notice less than the parts that a better one needs. */
export const TOLERANCE_MS_MIN = 60_000;
/** What it may cost in misses, of all reads, to do without those parts. */
export const EXTRA_MISSES_MAX = 0.02;

/**
 * Without any writes there is nothing to invalidate. Else: minutes of staleness are tolerated, nobody has to see their own write, and
 * a TTL as long as the tolerance has about as many hits as invalidation.
 */
export function ttlOnlyFits({ work, aside, ttlOnly }: Facts): Verdict {
  if (invalidatingWrites(work) === 0)
    return { fits: true, why: 'nothing is ever written: there is nothing to invalidate' };
  const { staleness, readYourWrites } = work;
  if (staleness === undefined || staleness < TOLERANCE_MS_MIN || ttlOnly === null) {
    const tolerated =
      staleness === undefined
        ? 'no tolerance of staleness was stated'
        : `${spanText(staleness / 1_000)} of staleness are tolerated`;
    return { fits: false, why: `${tolerated}, and a TTL alone is worth it from 1m` };
  }
  if (readYourWrites) return { fits: false, why: 'users must see their own writes, which no TTL gives them' };
  const extra = ttlOnly.prediction.misses - aside.prediction.misses;
  const cost = `a TTL of ${spanText(ttlOnly.plan.ttlS)} without invalidation would miss ${percent(ttlOnly.prediction.misses)} of the reads, with it ${percent(aside.prediction.misses)} are missed`;
  if (extra > EXTRA_MISSES_MAX) return { fits: false, why: cost };
  return {
    fits: true,
    why: `${spanText(staleness / 1_000)} of staleness are tolerated, and ${cost}: triggers, streams and proofs would bring nothing that was asked for`,
  };
}
