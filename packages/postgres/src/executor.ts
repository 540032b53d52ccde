import { ConfigurationError, type SqlExecutor } from '@tidemark/core';
import type { ClientBase, QueryResult } from 'pg';
import { toSourceError } from './errors.ts';

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

/** The statements of one piece of work on one connection. After its end they are refused. */
export class StatementScope {
  readonly executor: SqlExecutor;
  readonly #whenEnded: string;
  #ended = false;
  // One after the other: a connection runs one statement at a time, and the driver's own queue is deprecated.
  #last: Promise<unknown> = Promise.resolve();

  /** @param whenEnded message of the error that late statements get */
  constructor(client: ClientBase, whenEnded: string) {
    this.#whenEnded = whenEnded;
    this.executor = sqlExecutor(async (text, values) => {
      this.assertOpen();
      const result = this.#last.then(() => client.query(text, values as unknown[]).catch(rethrowSourceError));
      this.#last = result.catch(() => {});
      return result;
    });
  }

  assertOpen(): void {
    if (this.#ended) throw new ConfigurationError(this.#whenEnded);
  }

  /** Waits for statements under way. Idempotent. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#last;
  }
}

function rethrowSourceError(error: unknown): never {
  throw toSourceError(error);
}

function wrongRowCount(count: number, text: string): ConfigurationError {
  const statement = text.trim().replace(/\s+/g, ' ').slice(0, 120);
  return new ConfigurationError(`expected one row, got ${count}, from: ${statement}`);
}
