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
