import { ConfigurationError, SourceUnavailableError, TidemarkError } from '@tidemark/core';

/**
 * The connection was lost while COMMIT was under way: the write may or may not have happened.
 * Never retry blindly; read the row first, or make the write idempotent. Caches are safe either way,
 * since the changelog has the truth.
 */
export class CommitUnknownError extends TidemarkError {
  constructor(options?: ErrorOptions) {
    super(
      'E_COMMIT_UNKNOWN',
      'the connection to Postgres was lost during COMMIT, so the write may or may not have happened; ' +
        'read the row before you write again',
      options,
    );
  }
}

/** The database's tidemark schema is missing, or newer than this program. */
export class SchemaVersionError extends TidemarkError {
  /** Newest migration in the database; 0 when there is none. */
  readonly actual: number;
  /** Newest migration that this program knows. */
  readonly expected: number;
  constructor(actual: number, expected: number, options?: ErrorOptions) {
    super(
      actual > expected ? 'E_SCHEMA_NEWER' : 'E_SCHEMA_MISSING',
      actual > expected
        ? `the tidemark schema of this database is at migration ${actual} and this program knows ${expected}; upgrade @tidemark/postgres`
        : `the tidemark schema of this database is at migration ${actual} and ${expected} is needed; run migrate() first`,
      options,
    );
    this.actual = actual;
    this.expected = expected;
  }
}

/** What kept a table from being tracked. */
export type TrackProblem = 'E_TRACK_TABLE' | 'E_TRACK_COLUMN' | 'E_TRACK_KEYSPACE';

/** A table that can't be tracked as asked. */
export class TrackError extends TidemarkError {
  readonly table: string;
  constructor(code: TrackProblem, table: string, message: string) {
    super(code, message);
    this.table = table;
  }
}

/** One transaction bumped more keys than a commit may carry. It was rolled back. */
export class TooManyBumpsError extends TidemarkError {
  constructor(limit: number) {
    super(
      'E_TOO_MANY_BUMPS',
      `one transaction bumped more than ${limit} keys; bump the keyspace's scope key instead, or track the table`,
    );
  }
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN',
  'ENOENT', // a unix socket that is gone
  '57P01', '57P02', '57P03', // shut down by an administrator, by a crash, or still starting
  '53300', // no connection left
]); // prettier-ignore
const CONNECTION_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client (was closed|has encountered a connection error)|Cannot use a pool after|timeout expired)/;

/** True when the server, not the statement, is the problem. */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof SourceUnavailableError) return true;
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return CONNECTION_CODES.has(code) || /^08...$/.test(code);
  return error instanceof AggregateError
    ? error.errors.some(isConnectionError)
    : CONNECTION_MESSAGES.test(error.message);
}

/** Connection errors become a `SourceUnavailableError`; all others pass through unchanged. */
export function toSourceError(error: unknown): unknown {
  if (error instanceof TidemarkError || !isConnectionError(error)) return error;
  const detail = error instanceof Error && error.message !== '' ? error.message : 'no connection';
  return new SourceUnavailableError(
    `Postgres can't be reached (${detail}); check that it runs and its address`,
    {
      cause: error,
    },
  );
}

/** Errors of our own statements: a schema that is not there gets a name. */
export function toSchemaError(error: unknown, expected: number): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === '3F000' || code === '42883') return new SchemaVersionError(0, expected, { cause: error });
  if (code === '42501') {
    return new ConfigurationError(
      'this role may not use the schema tidemark; run migrate() with grantTo, or grant usage on schema tidemark to it',
      { cause: error },
    );
  }
  return toSourceError(error);
}
