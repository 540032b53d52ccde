import {
  ConfigurationError,
  isKey,
  keyspaceOf,
  KeyError,
  type Bump,
  type Committed,
  type SqlExecutor,
} from '@tidemark/core';
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
  let finished: { era: number; rows: VersionRows };
  try {
    value = await work(scope.tx, scope.bump);
    const keys = await scope.end();
    const { rows } = await client
      .query<{ finished: typeof finished }>('SELECT tidemark.finish($1, $2) AS finished', [
        keys,
        COMMITTED_INVALIDATIONS_MAX,
      ])
      .catch((error: unknown) => {
        throw toSchemaError(error, SCHEMA_VERSION);
      });
    finished = rows[0]!.finished;
  } catch (error) {
    await scope.end();
    await rollback(lent);
    throw error;
  }
  await commit(lent);
  return { value, invalidations: toInvalidations(finished.era, finished.rows) };
}

async function commit({ client, discard }: Lent): Promise<void> {
  let command: string;
  try {
    ({ command } = await client.query('COMMIT'));
  } catch (error) {
    // An error that the server answers with (a deferred constraint, a serialization failure) means rolled
    // back; no answer means that nobody knows.
    if (!isConnectionError(error)) throw error;
    discard();
    throw new CommitUnknownError({ cause: error });
  }
  if (command !== 'COMMIT') {
    throw new ConfigurationError(
      'Postgres rolled the transaction back, because a statement before had failed',
    );
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
