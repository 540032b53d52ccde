import { isScopeKey, keyspaceOf } from './key.ts';
import { comparePositions, type Position } from './position.ts';
import type { FillVerdict, StoreMeta, StoredRecord } from './record.ts';
import { compareVersions, VERSION_NONE, type Version } from './version.ts';

/** Dependencies that one value may have. */
export const DEPENDENCIES_MAX = 64;

/** Keyspace of tags: keys that stand for no row, only for "something of this kind changed". */
export const TAG_KEYSPACE = 'tag';

/** A key that a value was made from, as it was when the value was loaded. */
export interface Label {
  /** An encoded key, the key of a tag, or a scope key for a whole keyspace. */
  readonly key: string;
  readonly version: Version;
  /** Version `n` of the scope key of the dependency's own keyspace. */
  readonly scope: number;
}

/** Whether what is known under `known` holds all that the source has said by `label`, both of one key. */
export function reachesLabel(known: Omit<Label, 'key'>, label: Omit<Label, 'key'>): boolean {
  return compareVersions(known.version, label.version) >= 0 && known.scope >= label.scope;
}

/** A dependency of a stored value, and the life and epoch of the store that promised to watch it. */
export interface Dependency extends Label {
  readonly incarnation: string;
  readonly epoch: number;
}

/**
 * Asks a store to keep the tidemark of a dependency for as long as a value that needs it may live.
 * Nothing can be told from a tidemark that is not there: it may have been forgotten.
 */
export interface Watch extends Label {
  /** Horizon of a snapshot that was taken no later than the value was read. */
  readonly asOf: Position;
  /** How long the tidemark is needed, ms. */
  readonly lifeMs: number;
}

/** What became of a watch; with `admitted`, the state of the store that took it. */
export interface WatchAnswer {
  readonly verdict: FillVerdict;
  readonly meta: StoreMeta | null;
}

/**
 * Whether a value that was made from the watched key may still be filled. The tidemark is raised to
 * the label's version with it, so that an older one can't be watched later.
 */
export function judgeWatch(
  meta: StoreMeta | null,
  record: StoredRecord | null,
  watch: Watch,
  forgotten: boolean,
): FillVerdict {
  if (!meta) return 'uninitialised';
  if (watch.scope < (meta.scopes.get(keyspaceOf(watch.key)) ?? 0)) return 'scope';
  if (forgotten || comparePositions(watch.asOf, meta.base) < 0) return 'base';
  if (watch.asOf.era > meta.horizon.era) return 'era';
  if (compareVersions(watch.version, record?.tidemark ?? VERSION_NONE) < 0) return 'below-tidemark';
  return 'admitted';
}

/**
 * Whether nothing rose that a value was made from. A dependency without a record counts as risen: a
 * store that watches it would have one, so it was lost.
 */
export function judgeDependency(
  meta: StoreMeta | null,
  record: StoredRecord | null,
  dependency: Dependency,
): boolean {
  const { key, version, scope, incarnation, epoch } = dependency;
  if (!meta || meta.incarnation !== incarnation || meta.epoch !== epoch) return false;
  if ((meta.scopes.get(keyspaceOf(key)) ?? 0) > scope) return false;
  if (isScopeKey(key)) return true;
  return record !== null && compareVersions(record.tidemark, version) <= 0;
}
