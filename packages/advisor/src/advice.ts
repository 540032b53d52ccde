import type { Plan, Prediction } from './model/predict.ts';
import type { Latency, Savings } from './costs.ts';
import type { ConsistencyProposal } from './propose/consistency.ts';
import type { L1Size } from './propose/l1.ts';
import type { Workload } from './workload.ts';

/** In the order in which they are asked for: the first that fits is advised. */
export const CHOICES = [
  'no-cache',
  'ttl-only',
  'change-data-capture',
  'write-through',
  'cache-aside',
] as const;
export type Choice = (typeof CHOICES)[number];

/** What was not chosen, and why null: not predicted. */
export interface Alternative {
  readonly choice: Choice;
  readonly why: string;
  readonly misses: number | null;
  readonly loads: number | null;
}

/** Options of the keyspace and of its readers. */
export interface Proposal extends Plan {
  readonly consistency: ConsistencyProposal;
  /** Null: L2 alone. */
  readonly l1: L1Size | null;
}

export interface Advice {
  readonly workload: Workload;
  readonly choice: Choice;
  /** In words and figures, the deciding one first. */
  readonly reasons: readonly string[];
  /** Null for `no-cache`. */
  readonly proposal: Proposal | null;
  /** Of the proposal; of no cache, what the best one would bring. */
  readonly prediction: Prediction;
  readonly latency: Latency | null;
  /** Null for `no-cache`. */
  readonly savings: Savings | null;
  readonly alternatives: readonly Alternative[];
  /** What was not said, and what was taken for it. */
  readonly assumptions: readonly string[];
  /** Code to paste; null for `no-cache`. */
  readonly snippet: string | null;
}
