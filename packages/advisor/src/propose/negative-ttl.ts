import type { Workload } from '../workload.ts';

/** Below this share of reads absence is not worth a thought. */
const ABSENT_SHARE_MIN = 0.01;
/** The library's own: bounds how long a new row is not seen. */
export const NEGATIVE_TTL_S = 10;

/** How long absence is kept, s: as long as values where an insert invalidates it. */
export function proposeNegativeTtlS({ absent, writers }: Workload, ttlS: number): number {
  return absent >= ABSENT_SHARE_MIN && writers !== 'outside' ? ttlS : Math.min(NEGATIVE_TTL_S, ttlS);
}
