import type { Position, SqlExecutor, Version } from '@tidemark/core';
import { toSchemaError } from './errors.ts';
import { SCHEMA_VERSION } from './migrations.ts';

/** Rows that a backlog counts; beyond it is only known that there are more. */
export const BACKLOG_MAX = 100_000;

/** The changelog's row of a key. */
export interface ChangelogRow {
  readonly version: Version;
  /** Transaction that wrote it. */
  readonly xid: number;
  /** Wall clock of the source when its statement began, ms since 1970. */
  readonly atMs: number;
  readonly deleted: boolean;
}

/** Rows of keys, in the order asked, and where the changelog stood then. */
export interface KeyFacts {
  readonly horizon: Position;
  readonly atMs: number;
  readonly rows: readonly (ChangelogRow | null)[];
}

/** What the changelog has that a store may not know. */
export interface Backlog {
  /** At most `BACKLOG_MAX`. */
  readonly changes: number;
  /** How long ago the oldest of them was written, by the source's clock; null when there are none. */
  readonly oldestAgeMs: number | null;
}

/** A database server, as far as a mesh depends on it. */
export interface SourceFacts {
  readonly horizon: Position;
  /** One above the newest transaction in the changelog: what a store that knows all has for a horizon. */
  readonly top: Position;
  readonly atMs: number;
  readonly version: string;
  /** Which database this is: of a copy that goes on by itself it is another one. */
  readonly system: string;
  readonly isReplica: boolean;
  readonly synchronousCommit: string;
  readonly connections: number;
  readonly connectionsMax: number;
  /** Of the longest transaction that has written: it holds the horizon back. */
  readonly oldestWriterAgeMs: number | null;
  /** Session that leads the relay; null when nobody does. */
  readonly leader: {
    readonly pid: number;
    readonly address: string | null;
    readonly sinceMs: number | null;
  } | null;
  readonly slots: readonly {
    readonly name: string;
    readonly active: boolean;
    readonly status: string | null;
    readonly keptBytes: number | null;
  }[];
}

/** Looks at the changelog and its server, for operators. All reject with a `SchemaVersionError` before `migrate()`. */
export interface SourceInspector {
  keys(keys: readonly string[]): Promise<KeyFacts>;
  /** Null when it can't be told: a horizon of another era, or from before a collection. */
  backlog(since: Position): Promise<Backlog | null>;
  server(): Promise<SourceFacts>;
}

/** @param db of `postgresSource` */
export function inspectSource(db: SqlExecutor): SourceInspector {
  async function call<R>(text: string, values: readonly unknown[] = []): Promise<R> {
    try {
      return (await db.one<{ result: R }>(text, values)).result;
    } catch (error) {
      throw toSchemaError(error, SCHEMA_VERSION);
    }
  }
  return {
    async keys(keys) {
      const { era, xid, atMs, rows } = await call<{
        era: number;
        xid: number;
        atMs: number;
        rows: readonly ({ n: number; xid: number; atMs: number; deleted: boolean } | null)[];
      }>('SELECT tidemark.key_facts($1) AS result', [keys]);
      return {
        horizon: { era, xid },
        atMs,
        rows: rows.map(
          (row) => row && { version: { era, n: row.n }, xid: row.xid, atMs: row.atMs, deleted: row.deleted },
        ),
      };
    },
    backlog: (since) =>
      call('SELECT tidemark.backlog($1, $2, $3) AS result', [since.era, since.xid, BACKLOG_MAX]),
    async server() {
      const { era, xid, top, ...rest } = await call<
        { era: number; xid: number; top: number } & Omit<SourceFacts, 'horizon' | 'top'>
      >('SELECT tidemark.source_facts() AS result');
      return { horizon: { era, xid }, top: { era, xid: top }, ...rest };
    },
  };
}
