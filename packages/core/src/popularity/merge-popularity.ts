import { type KeyReads, type NodeReads, REPORT_KEYS_MAX } from '../ports/popularity.ts';
import { SpaceSaving } from './space-saving.ts';

/** Reads of so long ago count half: in a node's sketch, and in a report that nobody renewed. */
export const READS_HALF_LIFE_MS = 600_000;

/**
 * The most read keys of several nodes, most read first, in memory for `REPORT_KEYS_MAX` of them: Space-Saving
 * sketches add up (Agarwal et al.: Mergeable Summaries, PODS 2012). Old reports fade as the sketches do.
 */
export async function mergePopularity(
  reports: AsyncIterable<NodeReads> | Iterable<NodeReads>,
  limit: number,
): Promise<KeyReads[]> {
  const sum = new SpaceSaving(REPORT_KEYS_MAX);
  for await (const { ageMs, keys } of reports) {
    const weight = 0.5 ** (Math.max(0, ageMs) / READS_HALF_LIFE_MS);
    for (const { key, reads } of keys) {
      const left = Math.round(reads * weight);
      if (left > 0) sum.add(key, left);
    }
  }
  return sum.top(limit).map(({ key, count }) => ({ key, reads: count }));
}
