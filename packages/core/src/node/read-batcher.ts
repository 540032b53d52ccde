import type { Store } from '../ports/store.ts';
import type { StoreMeta, StoredRecord } from '../protocol/record.ts';

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
  readonly #store: Store;
  readonly #batchMax: number;
  #waiting: Waiter[] = [];

  constructor(store: Store, batchMax: number) {
    this.#store = store;
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
    for (let start = 0; start < waiting.length; start += this.#batchMax) {
      void this.#send(waiting.slice(start, start + this.#batchMax));
    }
  };

  async #send(waiters: readonly Waiter[]): Promise<void> {
    try {
      const { meta, records, nowMs } = await this.#store.read(waiters.map(({ key }) => key));
      waiters.forEach((waiter, i) => waiter.resolve({ meta, record: records[i] ?? null, nowMs }));
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }
}
