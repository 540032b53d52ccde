import type { Candidate } from '../propose/plans.ts';
import type { ConsistencyProposal } from '../propose/consistency.ts';
import type { Workload } from '../workload.ts';

/** What rules decide by. */
export interface Facts {
  readonly work: Workload;
  readonly consistency: ConsistencyProposal;
  /** Invalidated, and loaded by the next reader. */
  readonly aside: Candidate;
  /** Invalidated, and reloaded by the writer. */
  readonly through: Candidate;
  /** Reloaded by whoever loses it from L1. */
  readonly refreshed: Candidate;
  /** With the tolerated staleness as TTL; null where it says nothing of how long. */
  readonly ttlOnly: Candidate | null;
}

/** Whether what the rule is about fits, and why or why not. */
export interface Verdict {
  readonly fits: boolean;
  readonly why: string;
}

/** Writes of the rows and of what values are made from, per second. */
export function invalidatingWrites({ writes, dependencies, dependencyWrites }: Workload): number {
  return writes + (dependencies > 0 ? (dependencyWrites ?? writes * dependencies) : 0);
}
