import { FormatError, isOrdinal, type Invalidation, type Position, type SourceLabels } from '@tidemark/core';

/**
 * Reads the result of `tidemark.label(keys)`, for those who call it inside their own statement:
 * `SELECT p.*, tidemark.label(ARRAY['product:' || p.id]) AS label FROM products p WHERE ...`.
 */
export function parseLabel(label: unknown): SourceLabels {
  const { era, xid, versions, scopes } = label as {
    era: number;
    xid: number;
    versions: readonly number[];
    scopes: readonly number[];
  };
  if (!isOrdinal(era) || !isOrdinal(xid) || !Array.isArray(versions) || !Array.isArray(scopes)) {
    throw new FormatError(
      'the result of tidemark.label() is not in the expected format; is the schema up to date?',
    );
  }
  return { asOf: { era, xid }, versions: versions.map((n: number) => ({ era, n })), scopes };
}

/** Pairs of key and version number, as the SQL functions return them. */
export type VersionRows = readonly (readonly [key: string, n: number])[];

export function toInvalidations(era: number, rows: VersionRows): Invalidation[] {
  return rows.map(([key, n]) => ({ key, version: { era, n } }));
}

/** Result of `tidemark.changes()` when the changelog no longer reaches back to the asked position. */
export interface GoneAnswer {
  readonly gone: true;
}

/** Result of `tidemark.changes()`. */
export interface ChangesAnswer {
  readonly gone: false;
  readonly era: number;
  readonly xid: number;
  readonly ahead: boolean;
  readonly atMs: number;
  readonly rows: VersionRows;
  readonly late: VersionRows;
  readonly last: number | null;
  readonly snapshot: string;
}

/** A place between two pages. It also says what the page before it could see. */
export interface PagePosition extends Position {
  readonly snapshot?: string;
}
