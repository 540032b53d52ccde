import { isShippable } from '../model/predict.ts';
import { percent, perSecond } from '../words.ts';
import type { Facts, Verdict } from './rule.ts';

/** Reads that no longer wait, of all reads: fewer are not worth a load with every write. */
export const FEWER_MISSES_MIN = 0.005;
/** Loads that it may cost, beside those of invalidation. */
export const LOADS_RATIO_MAX = 1.1;

/** The writer reloads and ships: worth it where that spares more readers' misses, region by region, than it costs loads. */
export function writeThrough({ work, aside, through }: Facts): Verdict {
  if (work.writers !== 'library')
    return { fits: false, why: 'only writes through the library can bring the new value along' };
  if (!isShippable(work))
    return {
      fits: false,
      why:
        work.dependencies > 0
          ? 'values that are made from other keys are not shipped: each region has to see for itself what they are made from'
          : 'values of more than 16 KiB are not shipped',
    };
  const fewer = aside.prediction.misses - through.prediction.misses;
  const compared = `misses would be ${percent(through.prediction.misses)} of the reads instead of ${percent(aside.prediction.misses)}, and loads ${perSecond(through.prediction.loads)} instead of ${perSecond(aside.prediction.loads)}`;
  if (fewer < FEWER_MISSES_MIN) return { fits: false, why: `it would spare hardly a miss: ${compared}` };
  if (through.prediction.loads > aside.prediction.loads * LOADS_RATIO_MAX)
    return { fits: false, why: `it would load more than readers do: ${compared}` };
  return { fits: true, why: `writes leave no miss behind: ${compared}` };
}
