import type { Runtime } from '../ports/runtime.ts';
import type { Store, StoreBatchResult } from '../ports/store.ts';
import type { Invalidation } from '../protocol/event.ts';
import type { Advance } from '../protocol/store-state.ts';

const BATCH_MAX = 500;

/**
 * Writes an applier's batches, each marked with a name that the next one expects to find: a store
 * that went back shows an older mark, and no barrier counts there.
 */
export class StoreWriter {
  readonly #store: Store;
  readonly #runtime: Runtime;
  readonly #life: string;
  #number = 0;
  #mark: string | null = null;
  /** Drawn for each chain: two that start from one state, on two servers, are never taken for one. */
  #lineage = '';

  constructor(store: Store, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
    this.#life = runtime.randomId();
  }

  /** Mark of the last batch; null when the next one starts a chain. */
  get mark(): string | null {
    return this.#mark;
  }

  /** The next batch starts a new chain. */
  breakChain(): void {
    this.#mark = null;
  }

  /** Applies all, in batches; the advance goes with the last. Rejects when the store is away. */
  async write(invalidations: readonly Invalidation[], advance?: Advance): Promise<StoreBatchResult> {
    let start = 0;
    while (invalidations.length - start > BATCH_MAX) {
      await this.#apply(invalidations.slice(start, start + BATCH_MAX));
      start += BATCH_MAX;
    }
    return this.#apply(start === 0 ? invalidations : invalidations.slice(start), advance);
  }

  async #apply(invalidations: readonly Invalidation[], advance?: Advance): Promise<StoreBatchResult> {
    this.#number += 1;
    const mark = `${this.#life}.${this.#number}`;
    if (this.#mark === null) this.#lineage = this.#runtime.randomId();
    const batch = { invalidations, expect: this.#mark, mark, lineage: this.#lineage };
    const result = await this.#store.apply(advance ? { ...batch, advance } : batch);
    this.#mark = mark;
    return result;
  }
}
