import type { LeaseLoader, Wanted } from './lease-loader.ts';
import type { ServedResult } from './read-result.ts';

/** Keys of one call of a keyspace's `loadMany`. */
const LOAD_BATCH_MAX = 500;

interface Waiter {
  readonly wanted: Wanted;
  resolve(result: ServedResult): void;
  reject(error: unknown): void;
}

/** Collects the loads of one `getMany`; each is a flight of its own for others to join. */
export class LoadBatch {
  readonly #loader: LeaseLoader;
  readonly #waiters: Waiter[] = [];

  constructor(loader: LeaseLoader) {
    this.#loader = loader;
  }

  /** Settles after `run`. */
  add(wanted: Wanted): Promise<ServedResult> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ wanted, resolve, reject });
    });
  }

  run(): void {
    for (let start = 0; start < this.#waiters.length; start += LOAD_BATCH_MAX) {
      void this.#load(this.#waiters.slice(start, start + LOAD_BATCH_MAX));
    }
  }

  async #load(waiters: readonly Waiter[]): Promise<void> {
    try {
      const results = await this.#loader.loadMany(waiters.map(({ wanted }) => wanted));
      waiters.forEach((waiter, i) => waiter.resolve(results[i]!));
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }
}
