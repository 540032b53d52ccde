import {
  ConfigurationError,
  formatPosition,
  HistoryGoneError,
  isOrdinal,
  type Bump,
  type ChangePage,
  type Committed,
  type Leadership,
  type Position,
  type SourceOfTruth,
  type SqlExecutor,
} from '@tidemark/core';
import type { ClientBase } from 'pg';
import {
  parseLabel,
  toInvalidations,
  type ChangesAnswer,
  type GoneAnswer,
  type PagePosition,
} from './answers.ts';
import { Connections } from './connections.ts';
import { toSchemaError, toSourceError } from './errors.ts';
import { postgresGroups } from './groups.ts';
import { sqlExecutor } from './executor.ts';
import { takeLeadership } from './leadership.ts';
import { SCHEMA_VERSION } from './migrations.ts';
import { poolConfig, type PostgresOptions, replicaConfig } from './options.ts';
import { postgresPins } from './pins.ts';
import { Replicas } from './replicas.ts';
import { runTransaction } from './transaction.ts';

/** Rows that one page of `changes` may ask for. */
export const CHANGES_LIMIT_MAX = 100_000;

/** Postgres as the source of truth; the database needs `migrate()` first. Connects when first used. */
export function postgresSource(options: PostgresOptions): SourceOfTruth<SqlExecutor, SqlExecutor> {
  const config = poolConfig(options);
  const connections = new Connections(config, ensureEra);
  const replicas = options.replica && new Replicas(replicaConfig(options.replica));
  const leaderships = new Set<Leadership>();

  const db = sqlExecutor((text, values) =>
    connections.use(({ client }) => client.query(text, values as unknown[])).catch(rethrow(toSourceError)),
  );

  async function call<R>(text: string, values: readonly unknown[]): Promise<R> {
    const { rows } = await connections
      .use(({ client }) => client.query<{ result: R }>(text, values as unknown[]))
      .catch(rethrow((error) => toSchemaError(error, SCHEMA_VERSION)));
    return rows[0]?.result as R;
  }

  async function changes(
    since: Position | null,
    { limit, after }: { readonly limit: number; readonly after?: Position },
  ): Promise<ChangePage> {
    if (!isOrdinal(limit) || limit < 1 || limit > CHANGES_LIMIT_MAX) {
      throw new ConfigurationError(`limit must be an integer from 1 to ${CHANGES_LIMIT_MAX}, got ${limit}`);
    }
    const answer = await call<ChangesAnswer | GoneAnswer>(
      'SELECT tidemark.changes($1, $2, $3, $4, $5, $6) AS result',
      [since?.era, since?.xid, after?.era, after?.xid, (after as PagePosition | undefined)?.snapshot, limit],
    );
    if (answer.gone) {
      const from = since ? formatPosition(since) : 'the page before';
      throw new HistoryGoneError(
        `deletes since ${from} were collected from the changelog; regions that were away for so long start over`,
      );
    }
    if (answer.ahead && since) {
      // The database went back in time and nobody told us; what regions know beyond it never happened.
      await call('SELECT tidemark.raise_era_if_ahead($1, $2) AS result', [since.era, since.xid]);
      return changes(since, { limit });
    }
    const { era, xid, last, snapshot } = answer;
    const next: PagePosition | null = last === null ? null : { era, xid: last, snapshot };
    return {
      changes: toInvalidations(era, [...answer.late, ...answer.rows]),
      horizon: { era, xid },
      atMs: answer.atMs,
      ...(next && { next }),
    };
  }

  const transaction = <T>(work: (tx: SqlExecutor, bump: Bump) => Promise<T>): Promise<Committed<T>> =>
    connections.use((lent) => runTransaction(lent, work)).catch(rethrow(toSourceError));

  return {
    db,
    ...(replicas && { replica: replicas }),
    changes,
    groups: postgresGroups(call, transaction),
    pins: postgresPins(call, transaction),
    transaction,
    labels: async (keys) => parseLabel(await call('SELECT tidemark.label($1) AS result', [keys])),
    async lead(role) {
      connections.assertOpen();
      const { max: _max, ...clientConfig } = config;
      const leadership = await takeLeadership(clientConfig, role, (over) => leaderships.delete(over));
      if (leadership) leaderships.add(leadership);
      return leadership;
    },
    loadCursor: async (name) =>
      (await call<Position | null>('SELECT tidemark.load_cursor($1) AS result', [name])) ?? null,
    saveCursor: (name, position) =>
      call('SELECT tidemark.save_cursor($1, $2, $3) AS result', [name, position.era, position.xid]),
    async close() {
      await Promise.all([...leaderships].map((leadership) => leadership.resign()));
      await Promise.all([connections.close(), replicas?.close()]);
    },
  };
}

/**
 * A restored or promoted database is always met through a new connection: so each new one compares the
 * system identifier and timeline with those the era began with.
 */
async function ensureEra(client: ClientBase): Promise<void> {
  try {
    await client.query('SELECT tidemark.ensure_era()');
  } catch (error) {
    throw toSchemaError(error, SCHEMA_VERSION);
  }
}

function rethrow(map: (error: unknown) => unknown): (error: unknown) => never {
  return (error) => {
    throw map(error);
  };
}
