import {
  isKey,
  keyspaceOf,
  KeyError,
  SourceUnavailableError,
  type Bump,
  type Committed,
  type SqlExecutor,
} from '@tidemark/core';
import pg from 'pg';
import type { PoolClient } from 'pg';
import type { Lent } from './connections.ts';
import { toInvalidations, type VersionRows } from './answers.ts';
import {
  CommitUnknownError,
  isConnectionError,
  TooManyBumpsError,
  toSchemaError,
  toSourceError,
} from './errors.ts';
import { StatementScope } from './executor.ts';
import { SCHEMA_VERSION } from './migrations.ts';

const { DatabaseError } = pg;

/** Keys that one transaction may bump itself; triggers may bump more. */
export const TRANSACTION_BUMPS_MAX = 10_000;
/** Invalidations that a commit returns; the relay publishes the rest from the changelog. */
export const COMMITTED_INVALIDATIONS_MAX = 10_000;

/** Runs `work` in a transaction on a lent connection. */
export async function runTransaction<T>(
  lent: Lent,
  work: (tx: SqlExecutor, bump: Bump) => Promise<T>,
): Promise<Committed<T>> {
  const { client } = lent;
  await client.query('BEGIN').catch(rethrowSourceError);
  const scope = transactionScope(client);
  let value: T;
  let keys: string[];
  try {
    value = await work(scope.tx, scope.bump);
    keys = await scope.end();
  } catch (error) {
    await scope.end();
    await rollback(lent);
    throw error;
  }
  const { era, rows } = await commit(lent, keys);
  return { value, invalidations: toInvalidations(era, rows) };
}

interface Finished {
  readonly era: number;
  readonly rows: VersionRows;
}

/**
 * Bumps and commits in one round trip. What follows a statement that failed commits nothing: Postgres answers
 * COMMIT with a rollback then.
 */
async function commit({ client, lost, discard }: Lent, keys: readonly string[]): Promise<Finished> {
  if (lost()) {
    throw new SourceUnavailableError(
      'the connection to Postgres was lost before COMMIT, so nothing was written; check that it runs and its address',
    );
  }
  const finishing = client.query<{ finished: Finished }>('SELECT tidemark.finish($1, $2) AS finished', [
    keys,
    COMMITTED_INVALIDATIONS_MAX,
  ]);
  const committing = client.query('COMMIT');
  const [finished] = await Promise.allSettled([finishing, committing]);
  try {
    const { rows } = await finishing;
    await committing;
    return rows[0]!.finished;
  } catch (error) {
    // What the server refuses (a deferred constraint, a serialization failure) is rolled back; without its answer
    // nobody knows.
    const refused = finished.status === 'rejected' && error instanceof DatabaseError;
    if (refused || !isConnectionError(error)) throw toSchemaError(error, SCHEMA_VERSION);
    discard();
    throw new CommitUnknownError({ cause: error });
  }
}

/** A rollback that fails must not hide the error that caused it; the connection is given up instead. */
async function rollback({ client, lost, discard }: Lent): Promise<void> {
  if (!lost()) await client.query('ROLLBACK').catch(discard);
}

interface TransactionScope {
  readonly tx: SqlExecutor;
  readonly bump: Bump;
  /** Waits for statements under way, closes the scope, returns the keys in order. Idempotent. */
  end(): Promise<string[]>;
}

function transactionScope(client: PoolClient): TransactionScope {
  const keys = new Set<string>();
  const statements = new StatementScope(
    client,
    'this transaction has ended; await all its statements inside the work',
  );
  const bump: Bump = (key) => {
    statements.assertOpen();
    if (!isKey(key))
      throw new KeyError(keyspaceOf(String(key)), `${JSON.stringify(key)} is not an encoded key`);
    keys.add(key);
    if (keys.size > TRANSACTION_BUMPS_MAX) throw new TooManyBumpsError(TRANSACTION_BUMPS_MAX);
  };
  return {
    tx: statements.executor,
    bump,
    async end() {
      await statements.end();
      return [...keys].sort();
    },
  };
}

function rethrowSourceError(error: unknown): never {
  throw toSourceError(error);
}
