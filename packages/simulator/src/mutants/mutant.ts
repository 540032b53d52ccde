import type { FaultKind } from '../plan/plan.ts';

/** One change of the real code; `from` must be there exactly once. */
export interface Edit {
  /** From the top folder. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A rule that was removed or weakened. Plain data. */
export interface Mutant {
  readonly name: string;
  /** What no longer holds. */
  readonly without: string;
  readonly edits: readonly Edit[];
  /** The simulator must kill it within so many schedules; about ten times what it took. */
  readonly schedules?: number;
  /** Only these faults, for what needs one of them. */
  readonly faults?: readonly FaultKind[];
  /** A test that must fail, from the top folder; for rules that no answer shows, or that another rule covers. */
  readonly test?: string;
}
