import type { SeenCounts } from './saved-state.ts';
import type { AgeReport, Cell } from './tally.ts';

/** What a verifier counted since it began, over all its restarts. Plain data. */
export interface VerifierReport {
  /** Wall clock, ms since 1970. */
  readonly sinceMs: number;
  readonly seen: SeenCounts;
  /** Invalidations that wait for a check. */
  readonly pending: number;
  /** Over all regions and tiers, shortest age first. */
  readonly ages: readonly AgeReport[];
  readonly cells: readonly Cell[];
  /** By kind. */
  readonly findings: Readonly<Record<string, number>>;
  /** Whether the changelog could be read last: else lost messages are found later. */
  readonly sourceThere: boolean;
}
