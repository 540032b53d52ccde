import type { Runtime } from '../ports/runtime.ts';
import type { Store } from '../ports/store.ts';
import { partitionOf } from '../protocol/partition.ts';

/** Keys whose lease this node watches at a time; a waiter on top of that asks now and then. */
const WATCHED_MAX = 1_000;

/** Waits for the end of one lease. */
export interface LeaseEnd {
  /** Whether the store tells of it; else the waiter has to ask. */
  readonly told: boolean;
  /** Resolves when the lease ended since the last wait, or after `ms`. */
  next(ms: number): Promise<void>;
  stop(): void;
}

/** Lets readers wait for other processes' leases: by the store's word where it gives one. */
export class LeaseEnds {
  readonly #runtime: Runtime;
  readonly #partitions: readonly Store[];
  #watched = 0;

  constructor(store: Store, runtime: Runtime) {
    this.#runtime = runtime;
    this.#partitions = store.partitions ?? [store];
  }

  /** Resolves once the end of the lease can no longer be missed. Never rejects. */
  async watch(key: string): Promise<LeaseEnd> {
    let ended = false;
    let wake: (() => void) | null = null;
    const unwatch = await this.#watch(key, () => {
      ended = true;
      wake?.();
    });
    return {
      told: unwatch !== null,
      next: (ms) =>
        new Promise((resolve) => {
          const done = (): void => {
            timer.cancel();
            wake = null;
            ended = false;
            resolve();
          };
          const timer = this.#runtime.timer(ms, done);
          wake = done;
          if (ended) done();
        }),
      stop: () => {
        if (!unwatch) return;
        this.#watched -= 1;
        unwatch();
      },
    };
  }

  async #watch(key: string, onEnd: () => void): Promise<(() => void) | null> {
    const store = this.#partitions[partitionOf(key, this.#partitions.length)]!;
    if (!store.watchLease || this.#watched >= WATCHED_MAX) return null;
    this.#watched += 1;
    try {
      return await store.watchLease(key, onEnd);
    } catch {
      this.#watched -= 1;
      return null; // Without its word the waiter asks.
    }
  }
}
