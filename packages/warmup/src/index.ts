export type { CopiedBlock } from './copied-block.ts';
export { readMetas } from './fill-copies.ts';
export { type Gate, parseGate } from './gate.ts';
export { type KeyList, keyList, type KeyListOptions } from './key-list.ts';
export { type Loaded, type Origin, peerOrigin, type Prover } from './origin.ts';
export { NOTHING_DONE, type Refusal, type WarmCounts, type WarmState } from './progress.ts';
export { type Copies, readCopies } from './read-copies.ts';
export { type SourceBudget, sourceOrigin } from './source-origin.ts';
export {
  reached,
  warm,
  type WarmOutcome,
  type WarmPlan,
  type WarmProgress,
  type WarmReport,
} from './warm.ts';
export { measureWarmth, type Warmth } from './warmth.ts';
export { WarmupError } from './warmup-error.ts';
export { type Work, workOf } from './work.ts';
export * from './snapshot/index.ts';
