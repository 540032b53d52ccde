/** The counters behind `NodeStats`. */
export interface Counters {
  /** Reads that L1 did not answer at once: its hits are counted once, on the hottest path. */
  l1Misses: number;
  l1Hits: number;
  l2Hits: number;
  loads: number;
  staleServes: number;
  fillsRefused: number;
  storeErrors: number;
  feedGaps: number;
}

export function newCounters(): Counters {
  return {
    l1Misses: 0,
    l1Hits: 0,
    l2Hits: 0,
    loads: 0,
    staleServes: 0,
    fillsRefused: 0,
    storeErrors: 0,
    feedGaps: 0,
  };
}
