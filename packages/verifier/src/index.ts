export { AGES_MS } from './ages.ts';
export type { Contents } from './content.ts';
export { type FindingKind, MENDS, type Suspicion, type VerifierFinding } from './finding.ts';
export type { VerifierReport } from './report.ts';
export { sweep, type SweepOptions, type SweepProgress, type SweepReport, type SweptRegion } from './sweep.ts';
export type { SeenCounts } from './saved-state.ts';
export { type AgeReport, type Cell, type Counts, ninesOf, type Outcome, type VerifiedTier } from './tally.ts';
export type { Moment } from './timeline.ts';
export { Verifier, type VerifierOptions } from './verifier.ts';
