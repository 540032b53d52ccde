import { readFile } from 'node:fs/promises';
import type { Pool, PoolClient } from 'pg';
import { ConfigurationError } from '@tidemark/core';
import { SchemaVersionError, toSchemaError, toSourceError } from './errors.ts';
import { inTransaction } from './pool-transaction.ts';
import { upgradeTriggers } from './upgrade-triggers.ts';

/** All migrations, oldest first; the number is the position, from 1. Files in `sql/`. */
const MIGRATIONS = [
  '0001-changelog.sql',
  '0002-collection.sql',
  '0003-groups.sql',
  '0004-pins.sql',
  '0005-digest-keys.sql',
  '0006-facts.sql',
  '0007-trackers.sql',
  '0008-verifier.sql',
] as const;
/** Newest migration that this program knows. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

export interface MigrateOptions {
  /** Roles that services connect with; they get the use of the schema's functions, not of its tables. */
  readonly grantTo?: readonly string[];
}

/**
 * Brings the schema `tidemark` up to date in one transaction; rivals wait. Returns the numbers of the
 * migrations that were applied. Needs a role that may create a schema and read `pg_control_system()`.
 *
 * Then gives tracked tables the triggers of this release, each table by itself. Those that this role does not
 * own, or that are locked for longer, keep working ones of an earlier release: `trackingProblems` names them.
 *
 * Rejects with a `SchemaVersionError` (E_SCHEMA_NEWER) if the database is ahead of this program.
 */
export async function migrate(pool: Pool, options: MigrateOptions = {}): Promise<readonly number[]> {
  const applied = await inTransaction(pool, toSourceError, async (client) => {
    const numbers = await migrateInside(client);
    for (const role of options.grantTo ?? []) {
      await client.query(`GRANT USAGE ON SCHEMA tidemark TO ${client.escapeIdentifier(role)}`);
    }
    return numbers;
  });
  await upgradeTriggers(pool);
  return applied;
}

/** Number of the newest migration that was applied; 0 when the schema is not there. Needs the role that migrates. */
export async function schemaVersion(pool: Pool): Promise<number> {
  return inTransaction(pool, toNamedError, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('tidemark.migrations') IS NOT NULL AS there`,
    );
    if (!rows[0]?.there) return 0;
    const newest = await client.query<{ number: number }>(
      'SELECT coalesce(max(number), 0) AS number FROM tidemark.migrations',
    );
    return newest.rows[0]?.number ?? 0;
  });
}

async function migrateInside(client: PoolClient): Promise<readonly number[]> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('tidemark:migrate', 0))`);
  const encoding = await client.query<{ server_encoding: string }>('SHOW server_encoding');
  if (encoding.rows[0]?.server_encoding !== 'UTF8') {
    throw new ConfigurationError(
      `the database's encoding is ${encoding.rows[0]?.server_encoding}; tidemark needs a database with encoding UTF8`,
    );
  }
  await client.query('SET LOCAL synchronous_commit = local');
  await client.query('CREATE SCHEMA IF NOT EXISTS tidemark');
  await client.query(
    `CREATE TABLE IF NOT EXISTS tidemark.migrations (
       number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  );
  const { rows } = await client.query<{ number: number }>(
    'SELECT coalesce(max(number), 0) AS number FROM tidemark.migrations',
  );
  const current = rows[0]?.number ?? 0;
  if (current > SCHEMA_VERSION) throw new SchemaVersionError(current, SCHEMA_VERSION);
  const applied: number[] = [];
  for (const [index, name] of MIGRATIONS.entries()) {
    const number = index + 1;
    if (number <= current) continue;
    // From src/ and from dist/ alike.
    await client.query(await readFile(new URL(`../sql/${name}`, import.meta.url), 'utf8'));
    await client.query('INSERT INTO tidemark.migrations (number, name) VALUES ($1, $2)', [number, name]);
    applied.push(number);
  }
  return applied;
}

function toNamedError(error: unknown): unknown {
  return toSchemaError(error, SCHEMA_VERSION);
}
