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
 * The least counter is looked for among all when a new key comes and no place is free: cheap for the few
 * hundred counters that a node keeps, of a stream that is a sample.
 */
export class SpaceSaving {
  readonly #max: number;
  readonly #counters = new Map<string, Counter>();

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
    const [least, { count }] = this.#least();
    this.#counters.delete(least);
    this.#counters.set(key, { count: count + times, error: count });
  }

  /** Yesterday's hot keys fade: all counts are halved, and what comes to nothing is forgotten. */
  halve(): void {
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

  #least(): [string, Counter] {
    let least: [string, Counter] | null = null;
    for (const each of this.#counters) if (!least || each[1].count < least[1].count) least = each;
    return least!;
  }
}
