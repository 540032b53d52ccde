/** What a node counted since it started. */
export interface NodeStats {
  readonly reads: number;
  readonly l1Hits: number;
  readonly l2Hits: number;
  /** Values read from the source. */
  readonly loads: number;
  /** Values served past their TTL: while they were reloaded, or because they could not be. */
  readonly staleServes: number;
  readonly fillsRefused: number;
  /** Commands of the store that failed, and values that could not be encoded for it, or decoded from it. */
  readonly storeErrors: number;
  /** Times this node lost or newly took its place in the feed. */
  readonly feedGaps: number;
  readonly l1Entries: number;
  /** As estimated for `l1BytesMax`. */
  readonly l1Bytes: number;
  /** Entries that L1 gave up for want of room. */
  readonly l1Evictions: number;
  /** Loads that wait for their turn at the source. */
  readonly loadsWaiting: number;
  /** Every write acknowledged longer ago than this is proven to be applied here, ms. */
  readonly stalenessBoundMs: number;
}

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
