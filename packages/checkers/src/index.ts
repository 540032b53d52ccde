export { checkHistory } from './check.ts';
export { explain } from './explain.ts';
export * from './history.ts';
export { timelineOf } from './timeline.ts';
export type { Violation } from './violation.ts';
