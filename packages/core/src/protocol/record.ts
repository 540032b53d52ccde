import type { Dependency } from './dependency.ts';
import { keyspaceOf } from './key.ts';
import { comparePositions, type Position } from './position.ts';
import { compareVersions, VERSION_NONE, type Version } from './version.ts';

/** One value of a key, as a region's store keeps it. */
export interface StoredValue {
  /** Version that the value is labelled with; may be too old, never too new. */
  readonly version: Version;
  /** Version `n` of the keyspace's scope key when the value was loaded. */
  readonly scope: number;
  /** Epoch of the store that the fill saw at its miss. */
  readonly epoch: number;
  /** Version of the keyspace's schema that encoded the value. */
  readonly schema: number;
  /** When the fill was stored, in ms on the store's own clock. */
  readonly filledAtMs: number;
  /** Milliseconds after `filledAtMs` for which the value is fresh. */
  readonly freshMs: number;
  /** Further milliseconds for which it may be served while it is revalidated. */
  readonly staleMs: number;
  /** The encoded value, or null: the source had nothing for this key (negative entry). */
  readonly data: Uint8Array | null;
  /** What it was made from; any of it rising makes it stale. Mostly empty. */
  readonly dependencies: readonly Dependency[];
}

/** What a region's store keeps for one key. */
export interface StoredRecord {
  /** Highest version the region knows for the key. Only ever rises. */
  readonly tidemark: Version;
  /** Null for a tombstone: the tidemark without a value. */
  readonly value: StoredValue | null;
  /**
   * While two releases run: a value of an older schema version than that of `value`, labelled with the tidemark.
   * Left out: none, or the store was not asked for it.
   */
  readonly beside?: StoredValue;
}

/**
 * What a region's store keeps about itself; it is read together with every record.
 */
export interface StoreMeta {
  /** Random id of this life of the store. */
  readonly incarnation: string;
  /** Values filled under a smaller epoch are void. */
  readonly epoch: number;
  /**
   * The applier's chain of batches that moved the horizon last; the incarnation at first. The halves of a
   * split can't both go on with one lineage: the chain goes on in one of them, the other needs a new one.
   */
  readonly lineage: string;
  /** Rises by one with every barrier applied; rolls back with the data. Comparable within a lineage. */
  readonly revision: number;
  /** All changes below it have been applied. */
  readonly horizon: Position;
  /** Tidemarks up to here may have been forgotten; fills read before it are refused. */
  readonly base: Position;
  /** Per keyspace: version `n` of its scope key; values loaded under a smaller one are void. */
  readonly scopes: ReadonlyMap<string, number>;
}

/** Why a value in a record may not be served as a fresh hit, or `fresh`. */
export type Freshness =
  | 'fresh'
  | 'stale' // past its TTL, inside its stale window
  | 'expired' // past both
  | 'absent' // no record, or a tombstone
  | 'below-tidemark' // invalidated
  | 'void' // older era, epoch or scope
  | 'dependency' // something it was made from changed, or can't be told
  | 'schema'; // another version of the keyspace's schema

/** Judges a record; `ageMs` is the age of its value on the store's own clock. */
export function judgeRecord(
  meta: StoreMeta,
  record: StoredRecord | null,
  keyspace: string,
  schema: number,
  ageMs: number,
): Freshness {
  const value = record?.value;
  if (!record || !value) return 'absent';
  if (value.schema !== schema) return 'schema';
  if (
    value.version.era < meta.horizon.era ||
    value.epoch < meta.epoch ||
    value.scope < (meta.scopes.get(keyspace) ?? 0)
  ) {
    return 'void';
  }
  if (compareVersions(value.version, record.tidemark) < 0) return 'below-tidemark';
  if (ageMs < value.freshMs) return 'fresh';
  return ageMs < value.freshMs + value.staleMs ? 'stale' : 'expired';
}

/** Tidemark := max. Returns the same record when nothing rises. A store may drop the value that this voids. */
export function raiseRecord(record: StoredRecord | null, version: Version): StoredRecord {
  if (record && compareVersions(version, record.tidemark) <= 0) return record;
  return { tidemark: version, value: record?.value ?? null };
}

/** The record as a reader of this schema version sees it: with a value of it, if there is one. */
export function recordFor(record: StoredRecord | null, schema: number | undefined): StoredRecord | null {
  if (!record?.beside) return record;
  const { tidemark, value, beside } = record;
  return { tidemark, value: beside.schema === schema && value?.schema !== schema ? beside : value };
}

/** A loaded value on its way into a store. */
export interface Fill {
  readonly key: string;
  /** Null when the source gives no versions: then only the lease protects the fill. */
  readonly version: Version | null;
  readonly scope: number;
  /** Horizon of a snapshot that was taken no later than the value was read. */
  readonly asOf: Position;
  /** Incarnation, epoch and revision that the store showed at the miss. */
  readonly incarnation: string;
  readonly epoch: number;
  readonly revision: number;
  readonly schema: number;
  readonly freshMs: number;
  readonly staleMs: number;
  readonly data: Uint8Array | null;
  readonly dependencies: readonly Dependency[];
  /**
   * `filledAtMs` of the value that the store showed at the miss; null when it showed none. One of the same version
   * that came since may be newer than its label says, and newer than this one: it stays. `any` for a value that
   * is the same whenever it is loaded.
   */
  readonly replaces: number | null | 'any';
  /** Token of the lease under which the value was loaded, if any. */
  readonly lease: string | null;
}

/** `admitted`, or the first rule that refused the fill. */
export type FillVerdict =
  | 'admitted'
  | 'uninitialised' // the store has no meta: it is new or was emptied
  | 'incarnation' // the store lost its data since the miss
  | 'rolled-back' // the store went back since the miss
  | 'epoch' // an epoch was raised since the miss
  | 'scope' // the keyspace was invalidated since the load
  | 'base' // read before tidemarks that may have been forgotten
  | 'era' // read in an era that the store has not entered: what changed in it, nobody may ever tell this store
  | 'below-tidemark' // a newer version is known
  | 'refilled' // another value of the same version was filled since the miss
  | 'lease'; // unversioned, and the lease is gone

/**
 * Invariant I1: what a store admits. `leased` says whether `fill.lease` is still held, `forgotten` whether the
 * store may have forgotten more than its `base` says.
 */
export function judgeFill(
  meta: StoreMeta | null,
  record: StoredRecord | null,
  fill: Fill,
  leased: boolean,
  forgotten: boolean,
): FillVerdict {
  if (!meta) return 'uninitialised';
  if (fill.incarnation !== meta.incarnation) return 'incarnation';
  // Whatever the lineage: a takeover must not refuse what was under way, and version and base decide anyway.
  if (meta.revision < fill.revision) return 'rolled-back';
  if (fill.epoch < meta.epoch) return 'epoch';
  if (fill.scope < (meta.scopes.get(keyspaceOf(fill.key)) ?? 0)) return 'scope';
  if (fill.version === null) return leased ? 'admitted' : 'lease';
  if (forgotten || comparePositions(fill.asOf, meta.base) < 0) return 'base';
  // Entering an era voids what is older than it, and passes over what changed in it so far.
  if (fill.asOf.era > meta.horizon.era) return 'era';
  const tidemark = record?.tidemark ?? VERSION_NONE;
  if (compareVersions(fill.version, tidemark) < 0) return 'below-tidemark';
  const known = recordFor(record, fill.schema)?.value;
  if (known?.schema === fill.schema && compareVersions(fill.version, known.version) === 0) {
    if (fill.replaces !== 'any' && fill.replaces !== known.filledAtMs) return 'refilled';
  }
  return 'admitted';
}

/**
 * The record after an admitted fill: value and version in one piece, tidemark never lower. A value of another schema
 * version that is labelled alike is kept: neither of two releases that run side by side empties the other's cache.
 * That of the newer schema is the record's own, and one older is kept beside it.
 */
export function fillRecord(record: StoredRecord | null, fill: Fill, nowMs: number): StoredRecord {
  const version = fill.version ?? record?.tidemark ?? VERSION_NONE;
  const filled: StoredValue = {
    version,
    scope: fill.scope,
    epoch: fill.epoch,
    schema: fill.schema,
    filledAtMs: nowMs,
    freshMs: fill.freshMs,
    staleMs: fill.staleMs,
    data: fill.data,
    dependencies: fill.dependencies,
  };
  const known = record?.value;
  if (!known || compareVersions(known.version, version) !== 0) return { tidemark: version, value: filled };
  if (known.schema > filled.schema) return { tidemark: version, value: known, beside: filled };
  const beside = known.schema < filled.schema ? known : record.beside;
  return { tidemark: version, value: filled, ...(beside && { beside }) };
}
