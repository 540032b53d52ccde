export {
  checkHistory,
  type History,
  type HistoryLine,
  parseLines,
  toHistory,
  type Violation,
} from '@tidemark/checkers';
