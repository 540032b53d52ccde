import type { Store } from '../ports/store.ts';
import type { StoreMeta, StoredRecord } from '../protocol/record.ts';
import { split } from '../store/partitioned-store.ts';

/** One key's part of a store answer. */
export interface RecordAnswer {
  readonly meta: StoreMeta | null;
  readonly record: StoredRecord | null;
  /** The store's clock at the answer, ms. */
  readonly nowMs: number;
}

interface Waiter {
  readonly key: string;
  resolve(answer: RecordAnswer): void;
  reject(error: unknown): void;
}

/** Sends the reads of one turn of the event loop as one command. */
export class ReadBatcher {
  readonly #partitions: readonly Store[];
  readonly #batchMax: number;
  #waiting: Waiter[] = [];

  constructor(store: Store, batchMax: number) {
    this.#partitions = store.partitions ?? [store];
    this.#batchMax = batchMax;
  }

  read(key: string): Promise<RecordAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) process.nextTick(this.#flush);
      this.#waiting.push({ key, resolve, reject });
    });
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    // Each partition is asked by itself: one that is away must not fail the others' keys.
    for (const [i, part] of split(waiting, this.#partitions.length, ({ key }) => key)) {
      for (let start = 0; start < part.length; start += this.#batchMax) {
        void this.#send(this.#partitions[i]!, part.slice(start, start + this.#batchMax));
      }
    }
  };

  async #send(store: Store, waiters: readonly Waiter[]): Promise<void> {
    try {
      const { meta, records, nowMs } = await store.read(waiters.map(({ key }) => key));
      waiters.forEach((waiter, i) => waiter.resolve({ meta, record: records[i] ?? null, nowMs }));
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }
}
