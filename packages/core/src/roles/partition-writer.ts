import { StoreUnavailableError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Store, StoreBatchResult } from '../ports/store.ts';
import type { Invalidation } from '../protocol/event.ts';
import { isScopeKey } from '../protocol/key.ts';
import { partitionOf } from '../protocol/partition.ts';
import type { Position } from '../protocol/position.ts';
import type { StoreMeta } from '../protocol/record.ts';
import type { Advance } from '../protocol/store-state.ts';
import { StoreWriter } from './store-writer.ts';

/** The barrier ends before the partition's horizon: no gap, and no proof. */
export const BEHIND = 'behind';

/** One partition of a region's store as its applier keeps it: a chain of batches, and a gap or none. */
export class PartitionWriter {
  readonly #store: Store;
  readonly #index: number;
  readonly #count: number;
  readonly #writer: StoreWriter;
  #gap: string | null = 'taking over';
  #failed = false;
  #meta: StoreMeta | null = null;

  constructor(store: Store, index: number, count: number, runtime: Runtime) {
    this.#store = store;
    this.#index = index;
    this.#count = count;
    this.#writer = new StoreWriter(store, runtime);
  }

  /** Why its horizon can't follow barriers until a resync; null when it can. */
  get gap(): string | null {
    return this.#gap;
  }

  /** The state that it showed last, when it has no gap. */
  get meta(): StoreMeta | null {
    return this.#gap === null ? this.#meta : null;
  }

  /** Something may be missing. Returns false when that was known. */
  open(reason: string): boolean {
    const isNew = this.#gap === null;
    this.#gap ??= reason;
    return isNew;
  }

  /** It is up to date, as this state shows. */
  close(meta: StoreMeta): void {
    this.#gap = null;
    this.#meta = meta;
  }

  /** A new resync begins: what failed before may work now. */
  begin(): void {
    this.#failed = false;
  }

  /** The next batch starts a new chain. */
  breakChain(): void {
    this.#writer.breakChain();
  }

  /**
   * A step of a resync. Undefined when it, or one before it, failed: what comes after must not make up
   * for it.
   */
  async attempt<T>(step: (store: Store) => Promise<T>): Promise<T | undefined> {
    if (this.#failed) return undefined;
    try {
      return await step(this.#store);
    } catch {
      this.#failed = true;
      this.#writer.breakChain();
      return undefined;
    }
  }

  /** Makes it usable, if it still has what this writer applied to it since it was found empty. */
  async initialise(incarnation: string, horizon: Position): Promise<void> {
    const { mark } = this.#writer;
    if (mark === null) throw new StoreUnavailableError('nothing was applied that the store could still have');
    await this.#store.initialise(incarnation, horizon, mark);
    this.#writer.breakChain();
  }

  /** Applies what of these concerns it. Rejects when the store is away. */
  write(invalidations: readonly Invalidation[], advance?: Advance): Promise<StoreBatchResult> {
    return this.#writer.write(this.#mine(invalidations), advance);
  }

  /**
   * Applies a batch, and moves the horizon on a barrier.
   *
   * @returns why there is a gap now, or null; `BEHIND` when the barrier must not count
   */
  async apply(invalidations: readonly Invalidation[], barrier: Advance | null): Promise<string | null> {
    const mine = this.#mine(invalidations);
    const advance = barrier && this.#gap === null ? barrier : undefined;
    if (mine.length === 0 && !advance) return null;
    try {
      const { outcome, meta } = await this.#writer.write(mine, advance);
      if (outcome === 'advanced' && meta) this.#meta = meta;
      return outcome === 'advanced' || outcome === 'applied' ? null : outcome;
    } catch {
      this.#writer.breakChain();
      return 'the store did not answer';
    }
  }

  #mine(invalidations: readonly Invalidation[]): readonly Invalidation[] {
    if (this.#count === 1) return invalidations;
    return invalidations.filter(
      ({ key }) => isScopeKey(key) || partitionOf(key, this.#count) === this.#index,
    );
  }
}
