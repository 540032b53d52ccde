import { compareVersions, type Version } from '../protocol/version.ts';

/** A load under way in this process, shared by all who may wait for it. */
interface Flight<T> {
  /** When it began, on the node's monotonic clock. */
  readonly startedAtMs: number;
  /** Tidemark that was known before it began: its value is no older. */
  readonly tidemark: Version;
  readonly promise: Promise<T>;
}

/** What a reader needs of a flight that it joins. */
export interface FlightTerms {
  /** It began no earlier, on the node's monotonic clock. */
  readonly notBeforeMs: number;
  /** Highest version that the reader has seen for the key: the value must not be below it. */
  readonly tidemark: Version;
}

/** One load per key per process. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Joins the flight of `key` if it meets the terms, else starts one. A flight that does not goes on
   * for those who wait for it, but nobody new joins.
   */
  do(key: string, terms: FlightTerms, nowMs: number, work: () => Promise<T>): Promise<T> {
    const known = this.#flights.get(key);
    if (
      known &&
      known.startedAtMs >= terms.notBeforeMs &&
      compareVersions(known.tidemark, terms.tidemark) >= 0
    ) {
      return known.promise;
    }
    const promise = work().finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight<T> = { startedAtMs: nowMs, tidemark: terms.tidemark, promise };
    this.#flights.set(key, flight);
    return promise;
  }

  /** Whether a load of the key is under way that has not been parted from. */
  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** The key was invalidated: what is under way may be too old for those who come now. */
  part(key: string): void {
    this.#flights.delete(key);
  }

  partAll(): void {
    this.#flights.clear();
  }
}
