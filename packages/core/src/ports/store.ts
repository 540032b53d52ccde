import type { Invalidation } from '../protocol/event.ts';
import type { Advance, AdvanceOutcome, ChainLink } from '../protocol/store-state.ts';
import type { Watch, WatchAnswer } from '../protocol/dependency.ts';
import type { Fill, FillVerdict, StoreMeta, StoredRecord } from '../protocol/record.ts';
import type { RetainedValue } from '../protocol/retained.ts';
import type { Position } from '../protocol/position.ts';
import type { Popularity } from './popularity.ts';

/** Records and the store's meta, as they stood together at one instant. */
export interface StoreAnswer {
  /** Null while the store is uninitialised: then every record counts as absent. */
  readonly meta: StoreMeta | null;
  /** One for each key asked, in order. */
  readonly records: readonly (StoredRecord | null)[];
  /** The store's own clock, ms, as well as the adapter knows it; ages are taken against it. */
  readonly nowMs: number;
}

/**
 * When `expect` is not the store's mark, the store lost batches: this one's mark is not kept, and every
 * advance of the chain is answered with `mark`. Null starts a chain: it matches whatever the store has.
 */
export interface StoreBatch extends ChainLink {
  readonly invalidations: readonly Invalidation[];
  /** Present on the last batch before a barrier. */
  readonly advance?: Advance;
}

export interface StoreBatchResult {
  /**
   * `applied` (no barrier), or what became of the barrier. `uninitialised`: the store is empty;
   * invalidations were kept as tidemarks all the same.
   */
  readonly outcome: 'applied' | 'uninitialised' | AdvanceOutcome;
  readonly meta: StoreMeta | null;
}

export interface LeaseAnswer {
  readonly granted: boolean;
}

/**
 * A region's shared tier (L2). Every method is one atomic step for each key, and equals the pure
 * functions of `protocol/`; the conformance suite drives both with the same histories.
 *
 * Methods reject with a `StoreFormatError` when the store was written by a later release (tidemarks are
 * raised all the same), and with a `StoreUnavailableError` when the store can't be reached within the
 * adapter's command timeout. They never hang.
 */
export interface Store {
  /**
   * The parts of a partitioned store, each with its own life and position; see `partitionedStore`. A key
   * is in the one that `partitionOf` says. Left out: the store is one.
   */
  readonly partitions?: readonly Store[];
  /**
   * Meta and records in one round trip: one command on the wire.
   *
   * @param schema of the reader: where a value of it is kept beside a newer release's, the record comes with that
   * one. Left out: with the record's own
   */
  read(keys: readonly string[], schema?: number): Promise<StoreAnswer>;
  /**
   * Raises tidemarks and voids leases; what a writer does after its commit. Idempotent. A value that is below its
   * tidemark then may be dropped. A store whose memory is full may refuse leases, watches and fills, but not this.
   */
  raise(invalidations: readonly Invalidation[]): Promise<void>;
  /** At most one holder per key; `token` is the caller's random id. */
  lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer>;
  /** Gives a lease back without a fill, so that others need not wait. */
  release(key: string, token: string): Promise<void>;
  /**
   * Calls `ended` whenever the lease of `key` ends by a fill, a release or a raise, until it is unwatched; nobody
   * is told of one that expires. Resolves once no end can be missed. Best effort; not every store can.
   */
  readonly watchLease?: ((key: string, ended: () => void) => Promise<() => void>) | undefined;
  /** Keeps a dependency's tidemark for at least the life of a value; comes before that value's fill. */
  watch(watch: Watch): Promise<WatchAnswer>;
  /** Admits the value or says which rule refused it. */
  fill(fill: Fill): Promise<FillVerdict>;
  /**
   * Several fills in few commands, each judged as `fill` would, in order; for warm-ups. Rejects when any can't be
   * judged; others may have been admitted. Left out: they go one by one, see `fillAll`.
   */
  readonly fillMany?: ((fills: readonly Fill[]) => Promise<readonly FillVerdict[]>) | undefined;
  /**
   * Adds a value to the history of its key, as `retainValue` says; the history lives for `lifeMs` more.
   * It is a fact by itself: whether a fill was admitted does not matter.
   */
  retain(
    key: string,
    value: Omit<RetainedValue, 'filledAtMs'>,
    keepMax: number,
    lifeMs: number,
  ): Promise<void>;
  /** The history of a key, newest version first. */
  retained(key: string): Promise<readonly RetainedValue[]>;
  /** Applier only: raises a batch, chains its mark, and moves the horizon on a barrier. */
  apply(batch: StoreBatch): Promise<StoreBatchResult>;
  /**
   * Makes an empty store usable; does nothing when it has a meta already.
   *
   * @param mark of the last batch that was applied to it: rejects with a `StoreUnavailableError` when the store
   * lost it, and so what the batches said. Left out: whatever it has
   */
  initialise(incarnation: string, horizon: Position, mark?: string): Promise<StoreMeta>;
  /** Raises the epoch: every value is void, and tidemarks before `base` count as forgotten. */
  raiseEpoch(base: Position): Promise<void>;
  /** Role leases: true while `holder` holds `role`; renews when called again. */
  claim(role: string, holder: string, ttlMs: number): Promise<boolean>;
  resign(role: string, holder: string): Promise<void>;
  /** Every key that has a record, in no order, in pages; for verifiers. */
  keys(): AsyncIterable<readonly string[]>;
  /** What the region reads most. Not every store keeps it. */
  readonly popularity?: Popularity | undefined;
  close(): Promise<void>;
}
