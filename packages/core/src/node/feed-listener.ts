import type { FeedListener } from './feed-follower.ts';
import type { ResolvedOptions } from './options.ts';
import type { ReadPath } from './read-path.ts';
import type { Counters } from './stats.ts';

/** What a node's reads make of its region's feed. */
export function feedListener(
  { telemetry, runtime }: ResolvedOptions<unknown, unknown>,
  reads: ReadPath,
  counters: Counters,
): FeedListener {
  return {
    onJoin() {
      counters.feedGaps += 1;
      reads.reset(true);
    },
    onLost() {
      counters.feedGaps += 1;
      reads.reset(false);
    },
    onInvalidations: (invalidations, carrier) => reads.raise(invalidations, carrier),
    onClaim(claim, sentAtMs) {
      reads.accept(claim, sentAtMs);
      telemetry.record({ type: 'staleness-bound', scope: 'node', ms: runtime.monoMs() - sentAtMs });
    },
  };
}
