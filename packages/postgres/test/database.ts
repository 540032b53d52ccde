import { startPostgres, type PostgresServer } from '@tidemark/testbed';
import pg from 'pg';
import { migrate, postgresSource, type PostgresOptions } from '@tidemark/postgres';
import type { SourceOfTruth, SqlExecutor } from '@tidemark/core';

/** A fresh, migrated database on a server of its own, and a pool for whoever is not a service. */
export interface TestDatabase extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly url: string;
  /** A plain client of the database, as `psql` would be. */
  readonly pool: pg.Pool;
  /** A source on the database; closed with it. */
  source(options?: PostgresOptions): SourceOfTruth<SqlExecutor, SqlExecutor>;
}

export async function testDatabase(shared?: PostgresServer): Promise<TestDatabase> {
  const server = shared ?? (await startPostgres());
  const url = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  // Servers of these tests end while connections are idle, and while tests hold them.
  pool.on('error', () => {}).on('connect', (client) => void client.on('error', () => {}));
  await migrate(pool);
  const sources: SourceOfTruth[] = [];
  return {
    server,
    url,
    pool,
    source(options = {}) {
      const source = postgresSource({ connectionString: url, ...options });
      sources.push(source);
      return source;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(sources.map((source) => source.close()));
      await pool.end();
      if (!shared) await server.close();
    },
  };
}
