/**
 * A per-key position, minted by the source of truth in the same transaction as the write.
 *
 * `n` rises in commit order per key and is never reused; `era` rises when the source itself
 * goes back in time (restore). `n` is 0 for a key that the changelog has never seen.
 */
export interface Version {
  /** Life of the source of truth, an integer from 1. */
  readonly era: number;
  /** Position within the era, an integer in [0, 2^53). */
  readonly n: number;
}

/** The version below every other: what is known about a key before anything is known. */
export const VERSION_NONE: Version = Object.freeze({ era: 0, n: 0 });

/** Negative when `a` is older than `b`, zero when equal, positive when newer. */
export function compareVersions(a: Version, b: Version): number {
  return a.era === b.era ? a.n - b.n : a.era - b.era;
}

export function maxVersion(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}

/** `era.n`, for people, logs and traces. */
export function formatVersion(version: Version): string {
  return `${version.era}.${version.n}`;
}

/** True for a pair of integers in range; anything else came from a broken or hostile peer. */
export function isVersion(value: unknown): value is Version {
  if (typeof value !== 'object' || value === null) return false;
  const { era, n } = value as Partial<Version>;
  return isOrdinal(era) && isOrdinal(n);
}

/** An integer in [0, 2^53). */
export function isOrdinal(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
