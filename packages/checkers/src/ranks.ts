/** Counters by an instant that belongs to each. */
export interface Ranked {
  /** In order. */
  readonly timesMs: readonly number[];
  /** The highest counter of the instants up to each. */
  readonly highest: readonly number[];
  /** In order. */
  readonly counters: readonly number[];
}

/** @param items in the order of their counters; those without an instant are left out */
export function ranks<T extends { readonly counter: number }>(
  items: readonly T[],
  timeOf: (item: T) => number | undefined,
): Ranked {
  const found: { counter: number; atMs: number }[] = [];
  for (const item of items) {
    const atMs = timeOf(item);
    if (atMs !== undefined) found.push({ counter: item.counter, atMs });
  }
  const counters = found.map(({ counter }) => counter);
  found.sort((a, b) => a.atMs - b.atMs);
  let top = 0;
  return {
    counters,
    timesMs: found.map(({ atMs }) => atMs),
    highest: found.map(({ counter }) => (top = Math.max(top, counter))),
  };
}

/** The highest counter whose instant is before `atMs`, or also at it; 0 when there is none. */
export function upTo({ timesMs, highest }: Ranked, atMs: number, inclusive: boolean): number {
  return highest[countUpTo(timesMs, atMs, inclusive) - 1] ?? 0;
}

/** How many of the instants, which are in order, are before `atMs`, or also at it. */
export function countUpTo(timesMs: readonly number[], atMs: number, inclusive: boolean): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const timeMs = timesMs[middle]!;
    if (timeMs < atMs || (inclusive && timeMs === atMs)) low = middle + 1;
    else high = middle;
  }
  return low;
}
