import { ConfigurationError, type SqlExecutor } from '@tidemark/core';
import type { QueryResult } from 'pg';

/** Runs one statement. */
export type RunStatement = (text: string, values: readonly unknown[]) => Promise<QueryResult>;

/** Rows of statements, on top of whatever runs them. */
export function sqlExecutor(run: RunStatement): SqlExecutor {
  async function query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await run(text, values)).rows as Row[];
  }
  async function maybeOne<Row>(text: string, values?: readonly unknown[]): Promise<Row | null> {
    const rows = await query<Row>(text, values);
    if (rows.length > 1) throw wrongRowCount(rows.length, text);
    return rows[0] ?? null;
  }
  async function one<Row>(text: string, values?: readonly unknown[]): Promise<Row> {
    const row = await maybeOne<Row>(text, values);
    if (row === null) throw wrongRowCount(0, text);
    return row;
  }
  return { query, one, maybeOne };
}

function wrongRowCount(count: number, text: string): ConfigurationError {
  const statement = text.trim().replace(/\s+/g, ' ').slice(0, 120);
  return new ConfigurationError(`expected one row, got ${count}, from: ${statement}`);
}
