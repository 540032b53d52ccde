import type { KeyReads } from '../protocol/question.ts';

export type { KeyReads };

/** What one node counted when it last reported. */
export interface NodeReads {
  /** Since that report, ms. */
  readonly ageMs: number;
  readonly keys: readonly KeyReads[];
}

/** Nodes whose reports a region keeps; the one that was silent for longest goes first. */
export const REPORTS_MAX = 1_000;
/** A node that was silent for so long is forgotten, ms. */
export const REPORT_LIFE_MS = 86_400_000;
/** Keys of one report; the rest is left out. */
export const REPORT_KEYS_MAX = 100_000;

/**
 * Where a region's nodes put down what they read most. A hint and never a fact: it may be lost, late or double,
 * and what reads it can be wrong only about the order of its work.
 */
export interface Popularity {
  /** Replaces what this node reported before: saying it twice, or late, does no harm. */
  report(node: string, keys: readonly KeyReads[]): Promise<void>;
  /** One of each node that reported within a day, the latest first. */
  reports(): AsyncIterable<NodeReads>;
}
