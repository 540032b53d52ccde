import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { fromArguments, toArguments, type TrackedTable } from './tracked-table.ts';

/** Of this release, as `tidemark.tracker` names them; triggers that run others work too, and are upgraded. */
const TRACKERS = 'track_1_';

/** The functions that our triggers run, of any release, in `pg_proc p`; `outdated` says of which. */
export const TRACKER_FUNCTIONS = `
  SELECT p.oid, NOT starts_with(p.proname, '${TRACKERS}') AS outdated
  FROM pg_proc p
  WHERE p.pronamespace = to_regnamespace('tidemark') AND p.proname ~ '^track(_|$)'`;

const REFERENCING = {
  insert: 'REFERENCING NEW TABLE AS tidemark_new',
  update: 'REFERENCING OLD TABLE AS tidemark_old NEW TABLE AS tidemark_new',
  delete: 'REFERENCING OLD TABLE AS tidemark_old',
  truncate: '',
} as const;

/** A kind of statement that changes rows. */
export type TrackedStatement = keyof typeof REFERENCING;

const STATEMENTS = Object.keys(REFERENCING) as TrackedStatement[];

/** Triggers of one keyspace on one table: one for each kind of statement. */
export const TRIGGERS_PER_TABLE = STATEMENTS.length;

/** How `pg_trigger.tgenabled` is said in `ALTER TABLE`. */
const ENABLED = {
  A: 'ENABLE ALWAYS',
  O: 'ENABLE',
  R: 'ENABLE REPLICA',
  D: 'DISABLE',
} as const;

/** One trigger of ours, as the catalog has it. */
export interface InstalledTrigger {
  readonly oid: number;
  readonly partition: boolean;
  /** Quoted where SQL needs it. */
  readonly table: string;
  readonly keyspace: string;
  readonly keys: TrackedTable['keys'];
  readonly statement: TrackedStatement;
  /** As in `pg_trigger`. */
  readonly enabled: keyof typeof ENABLED;
  /** It runs a function of an earlier release. */
  readonly outdated: boolean;
}

/** The catalog is the registry: it can't drift from what is installed. */
export async function listTriggers(client: PoolClient): Promise<InstalledTrigger[]> {
  const { rows } = await client.query<Omit<InstalledTrigger, 'keyspace' | 'keys'> & { args: Buffer }>(
    `SELECT c.oid, c.relispartition AS partition, t.tgargs AS args, t.tgenabled AS enabled, f.outdated,
            CASE WHEN t.tgtype & 4 <> 0 THEN 'insert' WHEN t.tgtype & 8 <> 0 THEN 'delete'
                 WHEN t.tgtype & 16 <> 0 THEN 'update' ELSE 'truncate' END AS statement,
            CASE WHEN n.nspname = 'public' THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END AS table
     FROM pg_trigger t
     JOIN (${TRACKER_FUNCTIONS}) f ON f.oid = t.tgfoid
     JOIN pg_class c ON c.oid = t.tgrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     ORDER BY n.nspname, c.relname, t.tgname`,
  );
  return rows.map(({ args, ...row }) => ({ ...row, ...fromArguments(args) }));
}

/** Puts the triggers of a keyspace on a table, in the place of those that are there. Writers wait, readers don't. */
export async function putTriggers(client: PoolClient, tracked: TrackedTable): Promise<void> {
  for (const statement of STATEMENTS) await putTrigger(client, { ...tracked, statement, enabled: 'A' });
}

/** Puts one of them. */
export async function putTrigger(
  client: PoolClient,
  { table, keyspace, keys, statement, enabled }: Omit<InstalledTrigger, 'oid' | 'partition' | 'outdated'>,
): Promise<void> {
  const { rows } = await client.query<{ tracker: string }>('SELECT tidemark.tracker($1, $2) AS tracker', [
    keyspace,
    toArguments(keys),
  ]);
  const tracker = client.escapeIdentifier(rows[0]!.tracker);
  const trigger = client.escapeIdentifier(triggerName(keyspace, statement));
  const args = [keyspace, ...toArguments(keys)].map((arg) => client.escapeLiteral(arg)).join(', ');
  await client.query(
    `CREATE OR REPLACE TRIGGER ${trigger} AFTER ${statement} ON ${table} ${REFERENCING[statement]}
     FOR EACH STATEMENT EXECUTE FUNCTION tidemark.${tracker}(${args})`,
  );
  await client.query(`ALTER TABLE ${table} ${ENABLED[enabled]} TRIGGER ${trigger}`);
}

/** Takes the triggers of a keyspace off a table. */
export async function dropTriggers(client: PoolClient, table: string, keyspace: string): Promise<void> {
  for (const statement of STATEMENTS) {
    const trigger = client.escapeIdentifier(triggerName(keyspace, statement));
    await client.query(`DROP TRIGGER IF EXISTS ${trigger} ON ${table}`);
  }
}

/** Names have at most 63 bytes, keyspaces up to 64: the hash keeps long ones apart. */
function triggerName(keyspace: string, suffix: string): string {
  const hash = createHash('sha256').update(keyspace).digest('hex').slice(0, 8);
  return `tidemark_${keyspace.slice(0, 32)}_${hash}_${suffix}`;
}
