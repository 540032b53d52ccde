export { campaign, type CampaignReport } from './campaign.ts';
export { drawPlan } from './plan/draw-plan.ts';
export type { Fault, FaultKind, Operation, Plan } from './plan/plan.ts';
export { FAULT_KINDS } from './plan/plan.ts';
export { Coverage } from './run/coverage.ts';
export { runPlan, type RunResult, traceOf } from './run/run.ts';
export { headlineOf, type Verdict, verdictOf } from './run/verdict.ts';
export { shrink } from './shrink.ts';
