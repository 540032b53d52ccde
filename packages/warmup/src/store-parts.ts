import { partitionOf, type Store } from '@tidemark/core';

/** The parts of a store, each with its own life and horizon. */
export function partsOf(store: Store): readonly Store[] {
  return store.partitions ?? [store];
}

/** Items by the part of the store that their keys are in; parts without any are left out. */
export function byPart<T>(store: Store, items: readonly T[], keyOf: (item: T) => string): Map<number, T[]> {
  const count = partsOf(store).length;
  const parts = new Map<number, T[]>();
  if (count === 1 && items.length > 0) return parts.set(0, [...items]);
  for (const item of items) {
    const at = partitionOf(keyOf(item), count);
    const part = parts.get(at);
    if (part) part.push(item);
    else parts.set(at, [item]);
  }
  return parts;
}
