import { latencyOf } from '../costs.ts';
import { counted, percent, perSecond } from '../words.ts';
import { type Facts, invalidatingWrites, type Verdict } from './rule.ts';
import { ttlOnlyFits } from './ttl-only.ts';

/** With fewer hits most reads pay for a look into the cache, and for nothing else. */
export const HIT_SHARE_MIN = 0.2;

/**
 * A cache is for nothing where nobody reads; where a value is seldom read again before it is stale; where the loads it avoids are
 * fewer than the writes, each of which has to be told to every region; and where a load takes no longer than the look for a hit.
 */
export function noCache(facts: Facts): Verdict {
  const { work, consistency, aside, ttlOnly } = facts;
  const fits = (why: string): Verdict => ({ fits: true, why });
  if (work.reads === 0) return fits('nobody reads');
  const best = ttlOnly && ttlOnlyFits(facts).fits ? ttlOnly : aside;
  const { misses, loads } = best.prediction;
  const hits = 1 - misses;
  if (hits < HIT_SHARE_MIN)
    return fits(
      `only ${percent(hits)} of the reads would be hits: values are seldom read twice before they are stale`,
    );
  const avoided = work.reads - loads;
  const writes = invalidatingWrites(work);
  if (best.plan.invalidated && avoided < writes)
    return fits(
      `a cache would avoid ${perSecond(Math.max(0, avoided))} loads, and have ${perSecond(writes)} writes told to every region: each of these costs about what a load does`,
    );
  const latency = latencyOf(work, best.prediction, consistency);
  if (latency && latency.meanMs >= latency.withoutMs)
    return fits(
      `a read would take ${counted(latency.meanMs)} ms on average with a cache${consistency.level === 'latest' ? ' that asks the source for each version' : ''}, and a load takes ${counted(latency.withoutMs)} ms`,
    );
  return {
    fits: false,
    why: `${percent(hits)} of the reads would be hits, and ${perSecond(avoided)} loads fewer`,
  };
}
