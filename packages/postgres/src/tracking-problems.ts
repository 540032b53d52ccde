import type { SqlExecutor } from '@tidemark/core';
import { toSourceError } from './errors.ts';

/** Something that keeps a tracked table's writes from invalidating. */
export interface TrackingProblem {
  /** Quoted where SQL needs it; the table itself, which may be a partition. */
  readonly table: string;
  readonly keyspace: string;
  /** The statement whose trigger it is. */
  readonly statement: 'insert' | 'update' | 'delete' | 'truncate';
  /** `partial`: it does not fire in sessions of replication, as it would if it were enabled ALWAYS. */
  readonly problem: 'missing' | 'disabled' | 'partial';
}

interface Row {
  readonly table: string;
  readonly keyspace: string;
  readonly statement: TrackingProblem['statement'];
  /** Of `pg_trigger`; null: there is no trigger. */
  readonly enabled: string | null;
}

/** Statement triggers that tracked tables, and the partitions that they have today, lack. Any role may ask. */
export async function trackingProblems(db: SqlExecutor): Promise<readonly TrackingProblem[]> {
  let rows: readonly Row[];
  try {
    rows = await db.query<Row>(`
      WITH installed AS (
        SELECT t.tgrelid AS oid, split_part(encode(t.tgargs, 'escape'), '\\000', 1) AS keyspace, t.tgtype, t.tgenabled
        FROM pg_trigger t WHERE t.tgfoid = to_regprocedure('tidemark.track()')
      ), expected AS (
        SELECT DISTINCT m.oid, i.keyspace
        FROM (SELECT DISTINCT oid, keyspace FROM installed) i
        CROSS JOIN LATERAL (
          SELECT i.oid UNION SELECT p.relid FROM pg_partition_tree(i.oid) p
        ) m(oid)
      )
      SELECT CASE WHEN n.nspname = 'public' THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END AS "table",
             e.keyspace, s.statement,
             (SELECT max(i.tgenabled::text) FROM installed i
              WHERE i.oid = e.oid AND i.keyspace = e.keyspace AND (i.tgtype & s.bit) <> 0) AS enabled
      FROM expected e
      JOIN pg_class c ON c.oid = e.oid AND c.relkind IN ('r', 'p')
      JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN (VALUES ('insert', 4), ('delete', 8), ('update', 16), ('truncate', 32)) s(statement, bit)
      ORDER BY 1, 2, s.bit`);
  } catch (error) {
    throw toSourceError(error);
  }
  return rows.flatMap(({ enabled, ...where }) => {
    if (enabled === 'A') return [];
    const problem = enabled === null ? 'missing' : enabled === 'D' ? 'disabled' : 'partial';
    return [{ ...where, problem } as const];
  });
}
