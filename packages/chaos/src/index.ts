export { checkHistory } from './checkers/check.ts';
export { type History, type HistoryLine, parseLines, toHistory } from './checkers/history.ts';
export type { Violation } from './checkers/violation.ts';
