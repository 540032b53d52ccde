import type { Invalidation } from './event.ts';
import { isKey } from './key.ts';
import { isVersion } from './version.ts';

/**
 * A change of the changelog that no store can apply: somebody wrote its row by hand, or another release has
 * wider keys or versions.
 *
 * It stays where it is, in the changelog, and the region's horizon stays before it: so nobody who takes
 * over can miss it, and nothing is proven fresh until it is gone.
 */
export interface DeadLetter {
  readonly change: Invalidation;
  readonly cause: string;
}

/** Parts what can be applied from what can't. */
export function siftChanges(changes: readonly Invalidation[]): {
  readonly applicable: readonly Invalidation[];
  readonly letters: readonly DeadLetter[];
} {
  const letters: DeadLetter[] = [];
  const applicable = changes.filter((change) => {
    const cause = causeOf(change);
    if (cause !== null) letters.push({ change, cause });
    return cause === null;
  });
  return { applicable: letters.length === 0 ? changes : applicable, letters };
}

function causeOf({ key, version }: Invalidation): string | null {
  if (!isKey(key)) return 'this is not a key of any keyspace';
  return isVersion(version) ? null : 'its version is not a whole number from 0 to 2^53 - 1';
}
