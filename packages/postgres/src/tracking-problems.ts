import type { SqlExecutor } from '@tidemark/core';
import { toSourceError } from './errors.ts';
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
}

interface Row {
  readonly table: string;
  readonly keyspace: string;
  readonly statement: TrackingProblem['statement'];
  /** Of `pg_trigger`; null: there is no trigger. */
  readonly enabled: string | null;
  readonly outdated: boolean | null;
}

/** Statement triggers that tracked tables, and the partitions that they have today, lack. Any role may ask. */
export async function trackingProblems(db: SqlExecutor): Promise<readonly TrackingProblem[]> {
  let rows: readonly Row[];
  try {
    rows = await db.query<Row>(`
      WITH installed AS (
        SELECT t.tgrelid AS oid, split_part(encode(t.tgargs, 'escape'), '\\000', 1) AS keyspace, t.tgtype, t.tgenabled, f.outdated
        FROM pg_trigger t JOIN (${TRACKER_FUNCTIONS}) f ON f.oid = t.tgfoid
      ), expected AS (
        SELECT DISTINCT m.oid, i.keyspace
        FROM (SELECT DISTINCT oid, keyspace FROM installed) i
        CROSS JOIN LATERAL (
          SELECT i.oid UNION SELECT p.relid FROM pg_partition_tree(i.oid) p
        ) m(oid)
      )
      SELECT CASE WHEN n.nspname = 'public' THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END AS "table",
             e.keyspace, s.statement, i.enabled, i.outdated
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
  return rows.flatMap(({ enabled, outdated, ...where }) => {
    const problem = problemOf(enabled, outdated === true);
    return problem ? [{ ...where, problem }] : [];
  });
}

function problemOf(enabled: string | null, outdated: boolean): TrackingProblem['problem'] | null {
  if (enabled === null) return 'missing';
  if (enabled === 'D') return 'disabled';
  if (enabled !== 'A') return 'partial';
  return outdated ? 'outdated' : null;
}
