/** A key and how often it was counted: at most `count`, at least `count - error`. */
export interface Counted {
  readonly key: string;
  readonly count: number;
  readonly error: number;
}

interface Counter {
  count: number;
  error: number;
}

/**
 * The most frequent keys of a stream in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi: Efficient
 * Computation of Frequent and Top-k Elements in Data Streams, ICDT 2005). With m counters and n counted, every key
 * counted more than n/m times is among them, and no count is more than n/m too high.
 *
 * When a new key comes and no place is free, all that have the least count are looked for at once, and go one
 * by one: a stream of ever new keys, which is what many L1 entries read alike make, costs no search for each.
 */
export class SpaceSaving {
  readonly #max: number;
  readonly #counters = new Map<string, Counter>();
  /** Keys that had the least count, `#leastCount`, when they were last looked for. Counts only rise. */
  #least: string[] = [];
  #leastCount = 0;

  /** @param max keys that are kept, from 1 */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#counters.size;
  }

  add(key: string, times = 1): void {
    const known = this.#counters.get(key);
    if (known) {
      known.count += times;
      return;
    }
    if (this.#counters.size < this.#max) {
      this.#counters.set(key, { count: times, error: 0 });
      return;
    }
    const least = this.#takeLeast();
    const { count } = this.#counters.get(least)!;
    this.#counters.delete(least);
    this.#counters.set(key, { count: count + times, error: count });
  }

  /** Yesterday's hot keys fade: all counts are halved, and what comes to nothing is forgotten. */
  halve(): void {
    this.#least = [];
    for (const [key, counter] of this.#counters) {
      counter.count = Math.floor(counter.count / 2);
      counter.error = Math.floor(counter.error / 2);
      if (counter.count === 0) this.#counters.delete(key);
    }
  }

  /** The most frequent ones first. */
  top(limit: number): Counted[] {
    return [...this.#counters]
      .map(([key, { count, error }]) => ({ key, count, error }))
      .toSorted((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
      .slice(0, limit);
  }

  #takeLeast(): string {
    for (let key = this.#least.pop(); key !== undefined; key = this.#least.pop()) {
      if (this.#counters.get(key)?.count === this.#leastCount) return key;
    }
    this.#leastCount = Number.POSITIVE_INFINITY;
    for (const [key, { count }] of this.#counters) {
      if (count > this.#leastCount) continue;
      if (count < this.#leastCount) this.#least = [];
      this.#leastCount = count;
      this.#least.push(key);
    }
    return this.#least.pop()!;
  }
}
