import type { StoreMeta, StoredRecord } from '../protocol/record.ts';
import { split } from '../store/partitioned-store.ts';
import type { StoreCircuits } from './store-circuits.ts';

/** One key's part of a store answer. */
export interface RecordAnswer {
  readonly meta: StoreMeta | null;
  readonly record: StoredRecord | null;
  /** The store's clock at the answer, ms. */
  readonly nowMs: number;
}

/** Who asks for a key. Called back instead of promised: at full load a promise for each read is a quarter of its cost. */
export interface Waiter {
  readonly key: string;
  /** Neither may throw. */
  resolve(meta: StoreMeta | null, record: StoredRecord | null, nowMs: number): void;
  reject(error: unknown): void;
}

/** Sends the reads of one turn of the event loop as one command. */
export class ReadBatcher {
  readonly #circuits: StoreCircuits;
  readonly #batchMax: number;
  readonly #schema: number | undefined;
  #waiting: Waiter[] = [];

  /** @param schema of the readers; see `Store.read` */
  constructor(circuits: StoreCircuits, batchMax: number, schema?: number) {
    this.#circuits = circuits;
    this.#batchMax = batchMax;
    this.#schema = schema;
  }

  read(key: string): Promise<RecordAnswer> {
    return new Promise((resolve, reject) => {
      this.add({ key, resolve: (meta, record, nowMs) => resolve({ meta, record, nowMs }), reject });
    });
  }

  add(waiter: Waiter): void {
    if (this.#waiting.length === 0) process.nextTick(this.#flush);
    this.#waiting.push(waiter);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    const { length: partitions } = this.#circuits.partitions;
    if (partitions === 1 && waiting.length <= this.#batchMax) {
      void this.#send(0, waiting);
      return;
    }
    // Each partition is asked by itself: one that is away must not fail the others' keys.
    for (const [i, part] of split(waiting, partitions, ({ key }) => key)) {
      for (let start = 0; start < part.length; start += this.#batchMax) {
        void this.#send(i, part.slice(start, start + this.#batchMax));
      }
    }
  };

  async #send(partition: number, waiters: readonly Waiter[]): Promise<void> {
    try {
      const { meta, records, nowMs } = await this.#circuits.read(
        partition,
        waiters.map(({ key }) => key),
        this.#schema,
      );
      for (let i = 0; i < waiters.length; i += 1) waiters[i]!.resolve(meta, records[i] ?? null, nowMs);
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }
}
