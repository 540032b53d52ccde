import { isKeyspaceName } from '@tidemark/core';
import type { Pool, PoolClient } from 'pg';
import { TrackError, toSchemaError } from './errors.ts';
import { SCHEMA_VERSION } from './migrations.ts';
import { inTransaction } from './pool-transaction.ts';
import { sameKeys, type TrackedTable } from './tracked-table.ts';
import { dropTriggers, listTriggers, putTriggers, TRIGGERS_PER_TABLE } from './triggers.ts';

/** Types whose text form does not depend on session settings and equals what services put into keys. */
const KEY_TYPES = new Set(['int2', 'int4', 'int8', 'text', 'varchar', 'bpchar', 'uuid', 'bool', 'name']);
const KEY_COLUMNS_MAX = 16;

/**
 * Installs statement-level triggers, so that any writer, even `psql`, invalidates. Idempotent; those that are missing or
 * do not always fire are installed anew, and with other key columns all of them. Bumps the whole keyspace once, since writes of the time
 * before were not seen. Partitions of a partitioned table are covered, those of today.
 *
 * Rejects with a `TrackError`: E_TRACK_TABLE (no such table, or a view), E_TRACK_COLUMN (no such column,
 * or of a type whose text form is not stable), E_TRACK_KEYSPACE.
 */
export async function trackTable(pool: Pool, tracked: TrackedTable): Promise<void> {
  const { table, keyspace, keys } = tracked;
  if (!isKeyspaceName(keyspace)) {
    throw new TrackError('E_TRACK_KEYSPACE', table, `${JSON.stringify(keyspace)} is not a keyspace name`);
  }
  await inTransaction(pool, toNamedError, async (client) => {
    const relations = await findRelations(client, table);
    await checkColumns(client, relations[0]!, tracked);
    const current = await listTriggers(client);
    const missing = relations.filter(({ oid }) => {
      const installed = current.filter((row) => row.oid === oid && row.keyspace === keyspace);
      return (
        installed.length < TRIGGERS_PER_TABLE ||
        installed.some((row) => row.outdated || row.enabled !== 'A' || !sameKeys(row.keys, keys))
      );
    });
    if (missing.length === 0) return;
    for (const { name } of missing) await putTriggers(client, { table: name, keyspace, keys });
    await dropUnusedTrackers(client);
    await client.query('SELECT tidemark.bump(ARRAY[$1::text])', [keyspace]);
  });
}

/** Removes the triggers of one keyspace from a table. Idempotent; the table must exist. */
export async function untrackTable(pool: Pool, table: string, keyspace: string): Promise<void> {
  await inTransaction(pool, toNamedError, async (client) => {
    for (const { name } of await findRelations(client, table)) await dropTriggers(client, name, keyspace);
    await dropUnusedTrackers(client);
  });
}

/** All tracked tables, by name; partitions are not listed besides their parent. */
export async function trackedTables(pool: Pool): Promise<readonly TrackedTable[]> {
  return inTransaction(pool, toNamedError, async (client) => {
    const found = new Map<string, TrackedTable>();
    for (const { partition, table, keyspace, keys } of await listTriggers(client)) {
      if (!partition) found.set(`${table} ${keyspace}`, { table, keyspace, keys });
    }
    return [...found.values()];
  });
}

interface Relation {
  readonly oid: number;
  /** Quoted, with its schema. */
  readonly name: string;
}

async function findRelations(client: PoolClient, table: string): Promise<Relation[]> {
  let rows: (Relation & { relkind: string; partition: boolean })[] = [];
  try {
    await client.query('SAVEPOINT find');
    ({ rows } = await client.query<(typeof rows)[number]>(
      `SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind, c.relispartition AS partition
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.oid = to_regclass($1)
          OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)))
       ORDER BY c.oid <> to_regclass($1), c.oid`,
      [table],
    ));
  } catch (error) {
    // 42601, 42602: text that is not a name at all.
    if (!String((error as { code?: unknown }).code).startsWith('42')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT find');
  }
  const root = rows[0];
  if (!root) {
    throw new TrackError(
      'E_TRACK_TABLE',
      table,
      `there is no table ${table}; give its name as in SQL, with the schema`,
    );
  }
  if (root.relkind !== 'r' && root.relkind !== 'p') {
    throw new TrackError('E_TRACK_TABLE', table, `${table} is not a table; track the tables it is made of`);
  }
  if (root.partition) {
    throw new TrackError('E_TRACK_TABLE', table, `${table} is a partition; track the partitioned table`);
  }
  return rows.filter(({ relkind }) => relkind === 'r' || relkind === 'p');
}

async function checkColumns(
  client: PoolClient,
  relation: Relation,
  { table, keys }: TrackedTable,
): Promise<void> {
  if (keys.length === 0 || keys.length > KEY_COLUMNS_MAX) {
    throw new TrackError(
      'E_TRACK_COLUMN',
      table,
      `give 1 to ${KEY_COLUMNS_MAX} key columns for ${table}, got ${keys.length}`,
    );
  }
  const { rows } = await client.query<{ name: string; type: string; kind: string }>(
    `SELECT a.attname AS name, coalesce(b.typname, t.typname) AS type, coalesce(b.typtype, t.typtype) AS kind
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped`,
    [relation.oid],
  );
  for (const key of keys.map((each) => (typeof each === 'string' ? each : each.digest))) {
    const column = rows.find(({ name }) => name === key);
    if (!column) {
      const known = rows.map(({ name }) => name).join(', ');
      throw new TrackError('E_TRACK_COLUMN', table, `${table} has no column ${key}; it has ${known}`);
    }
    if (!KEY_TYPES.has(column.type) && column.kind !== 'e') {
      throw new TrackError(
        'E_TRACK_COLUMN',
        table,
        `column ${key} of ${table} has type ${column.type}, whose text form is not stable; ` +
          `use a column of an integer, text, uuid, boolean or enum type`,
      );
    }
  }
}

async function dropUnusedTrackers(client: PoolClient): Promise<void> {
  await client.query('SELECT tidemark.drop_trackers()');
}

function toNamedError(error: unknown): unknown {
  return toSchemaError(error, SCHEMA_VERSION);
}
