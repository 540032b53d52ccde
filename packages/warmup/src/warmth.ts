import type { KeyReads, Store } from '@tidemark/core';
import { readCopies } from './read-copies.ts';

/** How warm a region is for the reads that it is known to get. */
export interface Warmth {
  readonly keys: number;
  /** Keys that it has no fresh value of. */
  readonly cold: number;
  /** Share of the reads that would be hits, 0 to 1; null when no reads are known. */
  readonly hitRate: number | null;
}

const BATCH = 500;

/** Looks at every key that is known to be read, as a reader would. Changes nothing. */
export async function measureWarmth(store: Store, hot: readonly KeyReads[]): Promise<Warmth> {
  let [reads, hits, cold] = [0, 0, 0];
  for (let at = 0; at < hot.length; at += BATCH) {
    const batch = hot.slice(at, at + BATCH);
    const { without } = await readCopies(
      store,
      batch.map(({ key }) => key),
    );
    const missing = new Set(without);
    cold += missing.size;
    for (const each of batch) {
      reads += each.reads;
      if (!missing.has(each.key)) hits += each.reads;
    }
  }
  return { keys: hot.length, cold, hitRate: reads === 0 ? null : hits / reads };
}
