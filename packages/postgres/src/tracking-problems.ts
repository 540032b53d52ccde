import type { SqlExecutor } from '@tidemark/core';
import { toSourceError } from './errors.ts';
import { fromArguments, type TrackedTable } from './tracked-table.ts';
import { TRACKER_FUNCTIONS, type TrackedStatement } from './triggers.ts';

/** Something that keeps a tracked table's writes from invalidating, or makes them slower than they could be. */
export interface TrackingProblem {
  /** Quoted where SQL needs it; the table itself, which may be a partition. */
  readonly table: string;
  readonly keyspace: string;
  /** The statement whose trigger it is. */
  readonly statement: TrackedStatement;
  /**
   * `partial`: it does not fire in sessions of replication, as it would if it were enabled ALWAYS.
   * `outdated`: it is an earlier release's, which invalidates too, and takes longer; `migrate` upgrades it.
   */
  readonly problem: 'missing' | 'disabled' | 'partial' | 'outdated';
  /** What `trackTable` must be given to mend it: of a partition, the table that it is part of. */
  readonly tracked: TrackedTable;
}

interface Row {
  readonly table: string;
  readonly keyspace: string;
  readonly statement: TrackingProblem['statement'];
  /** Of `pg_trigger`; null: there is no trigger. */
  readonly enabled: string | null;
  readonly outdated: boolean | null;
  readonly root: string;
  /** Of any trigger of the table for this keyspace. */
  readonly args: Buffer;
}

/** Statement triggers that tracked tables, and the partitions that they have today, lack. Any role may ask. */
export async function trackingProblems(db: SqlExecutor): Promise<readonly TrackingProblem[]> {
  let rows: readonly Row[];
  try {
    rows = await db.query<Row>(`
      WITH installed AS (
        SELECT t.tgrelid AS oid, coalesce(pg_partition_root(t.tgrelid), t.tgrelid)::oid AS root,
               split_part(encode(t.tgargs, 'escape'), '\\000', 1) AS keyspace, t.tgargs, t.tgtype, t.tgenabled, f.outdated
        FROM pg_trigger t JOIN (${TRACKER_FUNCTIONS}) f ON f.oid = t.tgfoid
      ), tracked AS (
        SELECT DISTINCT ON (root, keyspace) root, keyspace, tgargs AS args FROM installed
      ), expected AS (
        SELECT m.oid, r.* FROM tracked r
        CROSS JOIN LATERAL (SELECT r.root UNION SELECT p.relid FROM pg_partition_tree(r.root) p) m(oid)
      )
      SELECT ${nameOf('c', 'n')} AS "table", e.keyspace, s.statement, i.enabled, i.outdated,
             (SELECT ${nameOf('r', 'm')} FROM pg_class r JOIN pg_namespace m ON m.oid = r.relnamespace
              WHERE r.oid = e.root) AS root, e.args
      FROM expected e
      JOIN pg_class c ON c.oid = e.oid AND c.relkind IN ('r', 'p')
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN (VALUES ('insert', 4), ('delete', 8), ('update', 16), ('truncate', 32)) s(statement, bit)
      CROSS JOIN LATERAL (
        SELECT max(i.tgenabled::text) AS enabled, bool_or(i.outdated) AS outdated FROM installed i
        WHERE i.oid = e.oid AND i.keyspace = e.keyspace AND (i.tgtype & s.bit) <> 0
      ) i
      ORDER BY 1, 2, s.bit`);
  } catch (error) {
    throw toSourceError(error);
  }
  return rows.flatMap(({ enabled, outdated, root, args, ...where }) => {
    const problem = problemOf(enabled, outdated === true);
    return problem ? [{ ...where, problem, tracked: { table: root, ...fromArguments(args) } }] : [];
  });
}

function problemOf(enabled: string | null, outdated: boolean): TrackingProblem['problem'] | null {
  if (enabled === null) return 'missing';
  if (enabled === 'D') return 'disabled';
  if (enabled !== 'A') return 'partial';
  return outdated ? 'outdated' : null;
}

/** A relation's name as `trackTable` takes it. */
function nameOf(relation: string, schema: string): string {
  return `CASE WHEN ${schema}.nspname = 'public' THEN quote_ident(${relation}.relname)
               ELSE format('%I.%I', ${schema}.nspname, ${relation}.relname) END`;
}
