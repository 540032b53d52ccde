import { StoreUnavailableError } from '../ports/errors.ts';
import type { Store, StoreAnswer } from '../ports/store.ts';
import type { Invalidation } from '../protocol/event.ts';
import { splitEvents } from '../store/partitioned-store.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { ResolvedOptions } from './options.ts';

/** What became of the raises of one write. */
export interface Raised {
  /** Events that some partition was not told of, or only in passing: its circuit is open. */
  readonly skipped: number;
  /** Why partitions that were asked did not do it. */
  readonly errors: readonly unknown[];
}

/**
 * The circuits of a store's partitions, for the reads and the writes of one node alike. A partition that fails is
 * left alone for a while: its reads then reject at once, and its raises are skipped.
 */
export class StoreCircuits {
  readonly partitions: readonly Store[];
  readonly #breakers: readonly CircuitBreaker[];
  readonly #options: Pick<ResolvedOptions<unknown, unknown>, 'runtime' | 'telemetry'>;

  constructor(store: Store, options: ResolvedOptions<unknown, unknown>) {
    this.partitions = store.partitions ?? [store];
    this.#breakers = this.partitions.map(() => new CircuitBreaker(options.storeBreaker));
    this.#options = options;
  }

  read(partition: number, keys: readonly string[], schema?: number): Promise<StoreAnswer> {
    return this.#call(partition, (store) => store.read(keys, schema), isFailure);
  }

  /**
   * Tells each partition of its events, those with an open circuit only in passing: a probe, which no write waits
   * for. So somebody else must tell the region, too: the relay and the applier.
   */
  async raise(invalidations: readonly Invalidation[]): Promise<Raised> {
    const skipped = new Set<Invalidation>();
    const errors: unknown[] = [];
    const parts = splitEvents(invalidations, this.partitions.length);
    await Promise.all(
      [...parts].map(async ([partition, events]) => {
        const isOpen = !this.#breakers[partition]!.isClosed;
        const raising = this.#call(partition, (store) => store.raise(events), wasInVain).catch(
          (error: unknown) => void errors.push(error),
        );
        if (!isOpen) await raising;
        else for (const event of events) skipped.add(event);
      }),
    );
    return { skipped: skipped.size, errors };
  }

  /** @param counts whether an error is one of those in a row that open the circuit */
  async #call<T>(
    partition: number,
    work: (store: Store) => Promise<T>,
    counts: (error: unknown) => boolean,
  ): Promise<T> {
    const breaker = this.#breakers[partition]!;
    const { runtime } = this.#options;
    const wasOpen = !breaker.isClosed;
    if (!breaker.allows(runtime.monoMs())) throw new StoreUnavailableError('its circuit is open');
    try {
      const result = await work(this.partitions[partition]!);
      breaker.succeeded();
      if (wasOpen) this.#tell(partition, false);
      return result;
    } catch (error) {
      if ((wasOpen || counts(error)) && breaker.failed(runtime.monoMs())) this.#tell(partition, true);
      throw error;
    }
  }

  #tell(partition: number, open: boolean): void {
    this.#options.telemetry.record({ type: 'breaker', of: 'store', name: String(partition), open });
  }
}

/** A read that fails costs a load, however soon it fails. */
function isFailure(): boolean {
  return true;
}

/** A raise that is refused at once costs nothing, and says nothing of reads: they go on where Redis is full or read only. */
function wasInVain(error: unknown): boolean {
  return error instanceof StoreUnavailableError && error.unanswered;
}
