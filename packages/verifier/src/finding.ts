import type { Version } from '@tidemark/core';
import type { VerifiedTier } from './tally.ts';
import type { Moment } from './timeline.ts';

/**
 * - `stale`: a tier serves a version below the newest one, though its region vouches for it (`error`), or still after
 *   the last age, and says itself that it is behind (`warning`).
 * - `lost-event`: a region's horizon has passed a change that its store never applied.
 * - `stale-fill`: the content of an earlier version under the label of the newest one. `content-differs`: any other
 *   content than the source's under the same label.
 * - `wrong-schema`: a schema version that the keyspace never had, or content that its schema refuses.
 * - `corrupt`: bytes that were damaged.
 * - `too-new`: a version above what the source ever gave the key.
 * - `foreign-write`: something that this library never writes.
 */
export type FindingKind =
  | 'stale'
  | 'lost-event'
  | 'stale-fill'
  | 'content-differs'
  | 'wrong-schema'
  | 'corrupt'
  | 'too-new'
  | 'foreign-write';

/** What a look at a tier raised; it is told once a second look confirmed it. */
export interface Suspicion {
  readonly kind: FindingKind;
  readonly severity: 'error' | 'warning';
  readonly key: string;
  readonly region: string;
  readonly tier: VerifiedTier;
  /** Of L1. */
  readonly node?: string;
  /** What the tier has; null for none. */
  readonly version: Version | null;
  /** What the source has; null when it was not asked. */
  readonly newest: Version | null;
  /** Since the newest version was seen, ms; null for what has no age. */
  readonly ageMs: number | null;
  readonly text: string;
}

/** A confirmed suspicion, with what to do and the key's history. Plain data. */
export interface VerifierFinding extends Suspicion {
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
  readonly mend: string;
  /** What is known to have happened to the key in all regions, oldest first. */
  readonly timeline: readonly Moment[];
}

/** What to do about each kind. */
export const MENDS: Readonly<Record<FindingKind, string>> = {
  stale:
    'invalidate the key (tidemark invalidate); if it comes back, look at the region with tidemark doctor and report it',
  'lost-event':
    'invalidate the key; then raise the era or empty the store if more than one key is concerned, and report it',
  'stale-fill':
    'invalidate the key; look for a program that fills past the library, or a loader that reads from a lagging copy',
  'content-differs':
    'invalidate the key; look for writers to tables that are not tracked, and loaders that read more than their parameters',
  'wrong-schema':
    'check which release fills this keyspace; values of a schema that no release knows are never served: invalidate the key',
  corrupt: 'invalidate the key; look at who else writes to this Redis, and at its memory and disk',
  'too-new':
    'look for a restore of the source without a new era (select tidemark.raise_era()), or a forged event on the streams',
  'foreign-write': 'find the program that writes to this namespace of Redis, and delete the key there',
};

export const FINDING_KINDS = Object.keys(MENDS) as readonly FindingKind[];

/** One fault is told once, however often it is seen. */
export function idOf({ kind, key, region, tier, node, version }: Suspicion): string {
  return [kind, region, tier, node ?? '', key, version ? `${version.era}.${version.n}` : ''].join(' ');
}
