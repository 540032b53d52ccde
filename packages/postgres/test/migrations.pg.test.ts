import { startPostgres, type PostgresServer } from '@tidemark/testbed';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, postgresSource, SCHEMA_VERSION } from '@tidemark/postgres';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.close());

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url });
  pool.on('error', () => {}); // It does not wait for its connections to end, and the server may end first.
  return pool;
}

async function withPool(work: (pool: pg.Pool, url: string) => Promise<void>): Promise<void> {
  const url = await server.createDatabase();
  const pool = openPool(url);
  try {
    await work(pool, url);
  } finally {
    await pool.end();
  }
}

describe('migrate', () => {
  const all = Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1);

  it('applies each migration once, whoever runs it, and how many at the same time', () =>
    withPool(async (pool) => {
      const runs = await Promise.all([migrate(pool), migrate(pool), migrate(pool)]);
      expect(runs.flat()).toEqual(all);
      expect(await migrate(pool)).toEqual([]);
      const { rows } = await pool.query('SELECT count(*)::int AS count FROM tidemark.migrations');
      expect(rows).toEqual([{ count: SCHEMA_VERSION }]);
    }));

  it('refuses a schema that is newer than the program, and changes nothing', () =>
    withPool(async (pool) => {
      await migrate(pool);
      await pool.query(`INSERT INTO tidemark.migrations VALUES (999, 'from-the-future.sql')`);
      await expect(migrate(pool)).rejects.toMatchObject({
        code: 'E_SCHEMA_NEWER',
        actual: 999,
        expected: SCHEMA_VERSION,
      });
    }));

  it('leaves nothing behind when it fails', () =>
    withPool(async (pool) => {
      await expect(migrate(pool, { grantTo: ['nobody-knows-me'] })).rejects.toMatchObject({ code: '42704' });
      const { rows } = await pool.query(`SELECT to_regnamespace('tidemark') AS schema`);
      expect(rows).toEqual([{ schema: null }]);
    }));

  it('refuses a database that is not UTF8', () =>
    withPool(async (pool, url) => {
      await pool.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`);
      const latin = openPool(Object.assign(new URL(url), { pathname: '/latin' }).href);
      await expect(migrate(latin)).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
      await latin.end();
    }));

  it('lets the granted role do all that a service does, and others not', () =>
    withPool(async (pool, url) => {
      await pool.query(`CREATE ROLE "my service" LOGIN; CREATE ROLE stranger LOGIN`);
      await migrate(pool, { grantTo: ['my service'] });
      const as = (user: string): ReturnType<typeof postgresSource> =>
        postgresSource({ connectionString: Object.assign(new URL(url), { username: user }).href });
      const service = as('my service');
      await service.transaction(async (_tx, bump) => bump('product:1'));
      expect((await service.labels(['product:1'])).versions[0]?.n).toBeGreaterThan(0);
      expect((await service.changes({ era: 1, xid: 1 }, { limit: 10 })).changes).toHaveLength(1);
      await service.saveCursor('relay', { era: 1, xid: 1 });
      expect(await service.loadCursor('relay')).toEqual({ era: 1, xid: 1 });
      await (await service.lead('relay'))?.resign();
      await expect(service.db.query('SELECT * FROM tidemark.versions')).rejects.toMatchObject({
        code: '42501',
      });
      await expect(service.db.query('SELECT tidemark.raise_era()')).rejects.toMatchObject({ code: '42501' });
      await service.close();
      const stranger = as('stranger');
      await expect(stranger.labels([])).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
      await stranger.close();
    }));

  it('is asked for by a source that does not find the schema', () =>
    withPool(async (_pool, url) => {
      const source = postgresSource({ connectionString: url });
      await expect(source.labels([])).rejects.toMatchObject({ code: 'E_SCHEMA_MISSING' });
      await source.close();
    }));
});
