import type { FillVerdict } from '@tidemark/core';

/** Why a value was not filled: the store's rule, `unproven`, or `absent`: no origin had it. */
export type Refusal = Exclude<FillVerdict, 'admitted' | 'refilled'> | 'unproven' | 'absent';

/** What a warm-up has done so far; plain data. */
export interface WarmCounts {
  /** Keys of the list that were gone through. */
  readonly keys: number;
  readonly filled: number;
  /** That had a fresh value already. */
  readonly there: number;
  /** Keys left without a value, by why. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  /** Of the values that were copied. */
  readonly bytes: number;
  /** Known reads of the keys gone through, and of those that are filled or were there. */
  readonly reads: number;
  readonly readsCovered: number;
}

export const NO_COUNTS: WarmCounts = {
  keys: 0,
  filled: 0,
  there: 0,
  refused: {},
  bytes: 0,
  reads: 0,
  readsCovered: 0,
};

export function addCounts(a: WarmCounts, b: WarmCounts): WarmCounts {
  const refused: Partial<Record<Refusal, number>> = { ...a.refused };
  for (const [why, count] of Object.entries(b.refused) as [Refusal, number][])
    refused[why] = (refused[why] ?? 0) + count;
  return {
    keys: a.keys + b.keys,
    filled: a.filled + b.filled,
    there: a.there + b.there,
    refused,
    bytes: a.bytes + b.bytes,
    reads: a.reads + b.reads,
    readsCovered: a.readsCovered + b.readsCovered,
  };
}

/** What must be kept to go on after a crash. */
export interface WarmState {
  /** Batches before this one are done. */
  readonly done: number;
  /** Batches after it that are done too: at most as many as run at once. */
  readonly ahead: readonly number[];
  readonly counts: WarmCounts;
  /** Incarnations of the store that was filled; null before the first batch. */
  readonly life: string | null;
}

export const NOTHING_DONE: WarmState = { done: 0, ahead: [], counts: NO_COUNTS, life: null };

export function isDone({ done, ahead }: WarmState, index: number): boolean {
  return index < done || ahead.includes(index);
}

/** The state after one more batch. */
export function withBatch(state: WarmState, index: number, counts: WarmCounts, life: string): WarmState {
  let { done } = state;
  const ahead = new Set(state.ahead).add(index);
  while (ahead.delete(done)) done += 1;
  return { done, ahead: [...ahead], counts: addCounts(state.counts, counts), life };
}
