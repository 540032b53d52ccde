import type { Position } from '../protocol/position.ts';
import type { Invalidation } from '../protocol/event.ts';
import type { Version } from '../protocol/version.ts';
import type { GroupSource } from './groups.ts';
import type { PinSource } from './pins.ts';

/** Versions read from the source before a value, on the same server. */
export interface SourceLabels {
  /** Horizon of the snapshot that the versions were read in. */
  readonly asOf: Position;
  /** One for each key asked, in order; `n` is 0 for a key the changelog has never seen. */
  readonly versions: readonly Version[];
  /** One for each key asked: version `n` of its keyspace's scope key, or 0. */
  readonly scopes: readonly number[];
}

export interface ChangePage {
  readonly changes: readonly Invalidation[];
  /** Horizon of this page's snapshot; of several pages, the first one's counts. */
  readonly horizon: Position;
  /** Wall clock of the source, ms since 1970; for people only. */
  readonly atMs: number;
  /** Present when there is more: pass it as `after`. */
  readonly next?: Position;
}

/** What a transaction bumped: by `bump`, and by triggers on tracked tables. */
export interface Committed<T> {
  readonly value: T;
  readonly invalidations: readonly Invalidation[];
}

/** Bumps encoded keys (or scope keys) inside the transaction. */
export type Bump = (key: string) => void;

/** Held leadership; `lost` aborts when it can no longer be relied on. */
export interface Leadership {
  readonly lost: AbortSignal;
  resign(): Promise<void>;
}

/** Reads of one load, all on the same server. */
export interface SourceReader<Db> {
  readonly db: Db;
  /** Version-first: call it before the value is read. */
  labels(keys: readonly string[]): Promise<SourceLabels>;
}

/** A copy of the source that may lag behind, such as a streaming replica. */
export interface SourceReplica<Db> {
  /**
   * Runs `work` against one server: a label from one replica says nothing about a value from
   * another. Rejects with a `SourceUnavailableError` when no replica can be reached.
   */
  use<T>(work: (reader: SourceReader<Db>) => Promise<T>): Promise<T>;
}

/**
 * The system of record: mints versions in the writes' own transactions, and lists changes.
 *
 * Methods reject with a `SourceUnavailableError` when the source can't be reached; errors of the
 * caller's own statements pass through unchanged.
 *
 * @typeParam Db what loaders get to read with
 * @typeParam Tx what writers get to write with
 */
export interface SourceOfTruth<Db = unknown, Tx = unknown> {
  readonly db: Db;
  /** Version-first: call it before the value is read. */
  labels(keys: readonly string[]): Promise<SourceLabels>;
  /** Where loads go first when it is there; what it can't answer safely, the primary is asked for. */
  readonly replica?: SourceReplica<Db>;
  /** Sets of keys that become visible together; not every source keeps them. */
  readonly groups?: GroupSource;
  /** Rollbacks of single keys; not every source keeps them. */
  readonly pins?: PinSource;
  /**
   * Changes at or after `since` (null: only those at the edge of a new snapshot), oldest first, at
   * most about `limit` of them. Pages: pass `next` of the page before as `after`.
   */
  changes(
    since: Position | null,
    page: { readonly limit: number; readonly after?: Position },
  ): Promise<ChangePage>;
  /** Runs `work` in one transaction; what it bumps gets versions that commit with it. */
  transaction<T>(work: (tx: Tx, bump: Bump) => Promise<T>): Promise<Committed<T>>;
  /** Tries to lead `role` among all processes of the source; null when another leads. */
  lead(role: string): Promise<Leadership | null>;
  /** How far a relay has published; kept so that the next one chains. Null when never saved. */
  loadCursor(name: string): Promise<Position | null>;
  saveCursor(name: string, position: Position): Promise<void>;
  close(): Promise<void>;
}
