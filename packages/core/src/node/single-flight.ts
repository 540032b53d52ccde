/** A load under way in this process, shared by all who may wait for it. */
export interface Flight<T> {
  /** When it began, on the node's monotonic clock. */
  readonly startedAtMs: number;
  readonly promise: Promise<T>;
}

/** One load per key per process. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Joins the flight of `key` if it began at or after `notBeforeMs`, else starts one. A flight that
   * began earlier goes on for those who wait for it, but nobody new joins.
   */
  do(key: string, notBeforeMs: number, nowMs: number, work: () => Promise<T>): Promise<T> {
    const known = this.#flights.get(key);
    if (known && known.startedAtMs >= notBeforeMs) return known.promise;
    const promise = work().finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight<T> = { startedAtMs: nowMs, promise };
    this.#flights.set(key, flight);
    return promise;
  }

  /** The key was invalidated: what is under way may be too old for those who come now. */
  part(key: string): void {
    this.#flights.delete(key);
  }

  partAll(): void {
    this.#flights.clear();
  }
}
