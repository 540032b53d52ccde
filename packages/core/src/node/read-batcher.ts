import { StoreUnavailableError } from '../ports/errors.ts';
import type { Store, StoreAnswer } from '../ports/store.ts';
import type { StoreMeta, StoredRecord } from '../protocol/record.ts';
import { split } from '../store/partitioned-store.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { ResolvedOptions } from './options.ts';

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

/**
 * Sends the reads of one turn of the event loop as one command. A partition that fails is left alone for a
 * while: its reads then reject at once.
 */
export class ReadBatcher {
  readonly #partitions: readonly Store[];
  readonly #breakers: readonly CircuitBreaker[];
  readonly #batchMax: number;
  readonly #options: Pick<ResolvedOptions<unknown, unknown>, 'runtime' | 'telemetry'>;
  #waiting: Waiter[] = [];

  constructor(store: Store, batchMax: number, options: ResolvedOptions<unknown, unknown>) {
    this.#partitions = store.partitions ?? [store];
    this.#breakers = this.#partitions.map(() => new CircuitBreaker(options.storeBreaker));
    this.#batchMax = batchMax;
    this.#options = options;
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
    if (this.#partitions.length === 1 && waiting.length <= this.#batchMax) {
      void this.#send(0, waiting);
      return;
    }
    // Each partition is asked by itself: one that is away must not fail the others' keys.
    for (const [i, part] of split(waiting, this.#partitions.length, ({ key }) => key)) {
      for (let start = 0; start < part.length; start += this.#batchMax) {
        void this.#send(i, part.slice(start, start + this.#batchMax));
      }
    }
  };

  async #send(partition: number, waiters: readonly Waiter[]): Promise<void> {
    const { runtime } = this.#options;
    const breaker = this.#breakers[partition]!;
    const wasOpen = !breaker.isClosed;
    try {
      if (!breaker.allows(runtime.monoMs())) throw new StoreUnavailableError('its circuit is open');
      const { meta, records, nowMs } = await this.#read(partition, waiters, breaker);
      if (wasOpen) this.#tell(partition, false);
      for (let i = 0; i < waiters.length; i += 1) waiters[i]!.resolve(meta, records[i] ?? null, nowMs);
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }

  async #read(partition: number, waiters: readonly Waiter[], breaker: CircuitBreaker): Promise<StoreAnswer> {
    try {
      const answer = await this.#partitions[partition]!.read(waiters.map(({ key }) => key));
      breaker.succeeded();
      return answer;
    } catch (error) {
      if (breaker.failed(this.#options.runtime.monoMs())) this.#tell(partition, true);
      throw error;
    }
  }

  #tell(partition: number, open: boolean): void {
    this.#options.telemetry.record({ type: 'breaker', of: 'store', name: String(partition), open });
  }
}
