import { percent, perSecond } from '../words.ts';
import type { Facts, Verdict } from './rule.ts';
import { FEWER_MISSES_MIN, LOADS_RATIO_MAX } from './write-through.ts';

/** Within cache-aside: nodes reload what they lose, where that spares readers a wait and the source hardly anything. */
export function refreshFits({ aside, refreshed }: Facts): Verdict {
  const fewer = aside.prediction.misses - refreshed.prediction.misses;
  const compared = `${percent(refreshed.prediction.misses)} of the reads would wait instead of ${percent(aside.prediction.misses)}, for ${perSecond(refreshed.prediction.loads)} loads instead of ${perSecond(aside.prediction.loads)}`;
  const fits =
    fewer >= FEWER_MISSES_MIN && refreshed.prediction.loads <= aside.prediction.loads * LOADS_RATIO_MAX;
  return { fits, why: compared };
}
