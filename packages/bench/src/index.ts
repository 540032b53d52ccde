export { SCENARIOS } from './catalogue.ts';
export { type BenchReport, type Row, type ScenarioReport, summarise } from './report.ts';
export { runScenarios } from './run.ts';
export type { BenchContext, Metric, Sample, Scenario, Target } from './scenario.ts';
