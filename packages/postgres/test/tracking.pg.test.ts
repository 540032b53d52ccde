import type { Position, SourceOfTruth, SqlExecutor } from '@tidemark/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { trackingProblems, trackTable, trackedTables, untrackTable } from '@tidemark/postgres';
import { testDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
let source: SourceOfTruth<SqlExecutor, SqlExecutor>;
let since: Position;

/** Keys that plain SQL invalidated since the last look. */
async function invalidated(...statements: readonly string[]): Promise<string[]> {
  for (const statement of statements) await database.pool.query(statement);
  const page = await source.changes(since, { limit: 50_000 });
  since = page.horizon;
  return page.changes.map(({ key }) => key).toSorted();
}

beforeAll(async () => {
  database = await testDatabase();
  source = database.source();
});
afterAll(() => database[Symbol.asyncDispose]());

describe('a tracked table', () => {
  beforeEach(async () => {
    await database.pool.query('DROP TABLE IF EXISTS products');
    await database.pool.query('CREATE TABLE products (id int PRIMARY KEY, name text, stock int DEFAULT 0)');
    await trackTable(database.pool, { table: 'products', keyspace: 'product', keys: ['id'] });
    since = (await source.changes(null, { limit: 10 })).horizon;
  });

  it('invalidates what plain SQL inserts, updates and deletes', async () => {
    expect(await invalidated(`INSERT INTO products VALUES (1, 'a'), (2, 'b'), (3, 'c')`)).toEqual([
      'product:1',
      'product:2',
      'product:3',
    ]);
    expect(await invalidated('UPDATE products SET stock = 1 WHERE id < 3')).toEqual([
      'product:1',
      'product:2',
    ]);
    expect(await invalidated('DELETE FROM products WHERE id = 2')).toEqual(['product:2']);
    const { rows } = await database.pool.query(
      `SELECT key FROM tidemark.versions WHERE deleted AND key LIKE 'product:%'`,
    );
    expect(rows).toEqual([{ key: 'product:2' }]);
  });

  it('invalidates the old and the new key when a key changes', async () => {
    await invalidated(`INSERT INTO products VALUES (11, 'a'), (12, 'b')`);
    expect(await invalidated('UPDATE products SET id = id + 1 WHERE id = 12')).toEqual([
      'product:12',
      'product:13',
    ]);
    const { rows } = await database.pool.query(
      `SELECT key, deleted FROM tidemark.versions WHERE key IN ('product:12', 'product:13') ORDER BY key`,
    );
    expect(rows).toEqual([
      { key: 'product:12', deleted: true },
      { key: 'product:13', deleted: false },
    ]);
  });

  it('invalidates the whole keyspace on truncate', async () => {
    expect(await invalidated('TRUNCATE products')).toEqual(['product']);
  });

  it('is seen through upserts, merges, copies of rows and cascades', async () => {
    await database.pool.query(
      'DROP TABLE IF EXISTS parents CASCADE; CREATE TABLE parents (id int PRIMARY KEY)',
    );
    await database.pool.query('ALTER TABLE products ADD parent int REFERENCES parents ON DELETE CASCADE');
    await database.pool.query('INSERT INTO parents VALUES (1)');
    expect(await invalidated(`INSERT INTO products VALUES (1, 'a', 0, 1)`)).toEqual(['product:1']);
    expect(
      await invalidated(
        `INSERT INTO products VALUES (1, 'x'), (2, 'y') ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
      ),
    ).toEqual(['product:1', 'product:2']);
    expect(await invalidated('DELETE FROM parents')).toEqual(['product:1']);
    await database.pool.query('ALTER TABLE products DROP COLUMN parent');
  });

  it('bumps nothing when a statement touches no row, or is rolled back', async () => {
    expect(await invalidated('UPDATE products SET stock = 9 WHERE id = -1')).toEqual([]);
    expect(await invalidated(`BEGIN; INSERT INTO products VALUES (5, 'x'); ROLLBACK`)).toEqual([]);
  });

  it('is seen by a writer that has no rights on the changelog', async () => {
    await database.pool.query(
      `DO $$ BEGIN CREATE ROLE shop; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
       GRANT SELECT, INSERT, UPDATE, DELETE ON products TO shop`,
    );
    expect(await invalidated(`SET ROLE shop; INSERT INTO products VALUES (7, 'x'); RESET ROLE`)).toEqual([
      'product:7',
    ]);
    const snooping = database.pool.query('SET ROLE shop; SELECT * FROM tidemark.versions');
    await expect(snooping).rejects.toMatchObject({ code: '42501' });
    await database.pool.query('RESET ROLE');
  });

  it('is not fooled by a search_path', async () => {
    expect(
      await invalidated(
        `CREATE SCHEMA IF NOT EXISTS evil;
         CREATE OR REPLACE FUNCTION evil.nextval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
         SET search_path = evil, pg_catalog, public; INSERT INTO products VALUES (8, 'x'); RESET search_path`,
      ),
    ).toEqual(['product:8']);
    expect((await source.labels(['product:8'])).versions[0]?.n).toBeGreaterThan(1);
  });

  it('bumps the keyspace instead when one statement touches very many rows', async () => {
    expect(await invalidated('INSERT INTO products SELECT g FROM generate_series(1, 100001) g')).toEqual([
      'product',
    ]);
  });

  it('returns what triggers bumped with the commit, at most 10,000', async () => {
    const few = await source.transaction((tx) => tx.query(`INSERT INTO products VALUES (1, 'a'), (2, 'b')`));
    expect(few.invalidations.map(({ key }) => key).toSorted()).toEqual(['product:1', 'product:2']);
    const many = await source.transaction(async (tx, bump) => {
      await tx.query('INSERT INTO products SELECT g FROM generate_series(10, 15009) g');
      bump('zebra:1');
    });
    expect(many.invalidations).toHaveLength(10_000);
    expect(many.invalidations[0]?.key).toBe('zebra:1');
    expect(await invalidated()).toHaveLength(15_003);
  });

  it('stops when it is untracked, twice', async () => {
    await untrackTable(database.pool, 'products', 'product');
    await untrackTable(database.pool, 'products', 'product');
    expect(await invalidated(`INSERT INTO products VALUES (1, 'a')`)).toEqual([]);
  });

  it('bumps the keyspace once when it is tracked, and does nothing the second time', async () => {
    await untrackTable(database.pool, 'products', 'product');
    await trackTable(database.pool, { table: 'products', keyspace: 'product', keys: ['id'] });
    expect(await invalidated()).toEqual(['product']);
    await trackTable(database.pool, { table: 'public.products', keyspace: 'product', keys: ['id'] });
    expect(await invalidated()).toEqual([]);
  });

  it('can feed two keyspaces, and take other key columns', async () => {
    await trackTable(database.pool, { table: 'products', keyspace: 'by-name', keys: ['name'] });
    await invalidated();
    expect(await invalidated(`INSERT INTO products VALUES (1, 'a:b{c}%'), (2, NULL)`)).toEqual([
      'by-name:a%3Ab%7Bc%7D%25',
      'product:1',
      'product:2',
    ]);
    await trackTable(database.pool, { table: 'products', keyspace: 'by-name', keys: ['name', 'id'] });
    expect((await trackedTables(database.pool)).filter(({ table }) => table === 'products')).toEqual([
      { table: 'products', keyspace: 'by-name', keys: ['name', 'id'] },
      { table: 'products', keyspace: 'product', keys: ['id'] },
    ]);
    await invalidated();
    expect(await invalidated('UPDATE products SET stock = 2 WHERE id = 1')).toEqual([
      'by-name:a%3Ab%7Bc%7D%25:1',
      'product:1',
    ]);
  });

  it('bumps the keyspace for a key that is too long for the changelog, nothing for one nobody can name', async () => {
    await trackTable(database.pool, { table: 'products', keyspace: 'by-name', keys: ['name'] });
    await invalidated();
    expect(await invalidated(`INSERT INTO products VALUES (1, repeat('€', 400))`)).toEqual([
      'by-name',
      'product:1',
    ]);
    expect(await invalidated(`INSERT INTO products VALUES (2, repeat('x', 5000))`)).toEqual(['product:2']);
  });
});

describe('tracking', () => {
  it('quotes names, and covers partitions', async () => {
    await database.pool.query(
      `CREATE SCHEMA "Odd ""schema"; CREATE TABLE "Odd ""schema"."My; table" ("The ' id" int, region text)
       PARTITION BY LIST (region);
       CREATE TABLE "Odd ""schema".part PARTITION OF "Odd ""schema"."My; table" FOR VALUES IN ('eu')`,
    );
    const table = '"Odd ""schema"."My; table"';
    await trackTable(database.pool, { table, keyspace: 'odd', keys: ["The ' id", 'region'] });
    expect(await trackedTables(database.pool)).toContainEqual({
      table,
      keyspace: 'odd',
      keys: ["The ' id", 'region'],
    });
    await invalidated();
    expect(await invalidated(`INSERT INTO ${table} VALUES (1, 'eu')`)).toEqual(['odd:1:eu']);
    expect(await invalidated(`INSERT INTO "Odd ""schema".part VALUES (2, 'eu')`)).toEqual(['odd:2:eu']);
    await expect(
      trackTable(database.pool, { table: '"Odd ""schema".part', keyspace: 'odd', keys: ['region'] }),
    ).rejects.toMatchObject({ code: 'E_TRACK_TABLE' });
    await untrackTable(database.pool, table, 'odd');
    expect(await trackedTables(database.pool)).not.toContainEqual(
      expect.objectContaining({ keyspace: 'odd' }),
    );
  });

  it('again mends whatever keeps a trigger from firing, as the problem says', async () => {
    const { pool } = database;
    await pool.query(
      'CREATE TABLE shelves (site text, "Nr" int, PRIMARY KEY (site, "Nr")) PARTITION BY LIST (site)',
    );
    await pool.query(`CREATE TABLE shelves_a PARTITION OF shelves FOR VALUES IN ('a')`);
    const shelves = { table: 'shelves', keyspace: 'shelf', keys: ['Nr', { digest: 'site' }] };
    await trackTable(pool, shelves);
    const { rows } = await pool.query<{ name: string }>(
      `SELECT quote_ident(tgname) AS name FROM pg_trigger WHERE tgrelid = 'shelves_a'::regclass AND tgname LIKE 'tidemark%' ORDER BY 1`,
    );
    const [first] = rows.map(({ name }) => name);
    const breaks: readonly [string, string][] = [
      [`ALTER TABLE shelves_a DISABLE TRIGGER ${first!}`, 'disabled'],
      [`ALTER TABLE shelves_a ENABLE TRIGGER ${first!}`, 'partial'],
      [`DROP TRIGGER ${first!} ON shelves_a`, 'missing'],
      [`CREATE TABLE shelves_b PARTITION OF shelves FOR VALUES IN ('b')`, 'missing'],
    ];
    for (const [statement, problem] of breaks) {
      await pool.query(statement);
      const found = await trackingProblems(source.db);
      expect([statement, found[0]]).toMatchObject([
        statement,
        { keyspace: 'shelf', problem, tracked: shelves },
      ]);
      await trackTable(pool, found[0]!.tracked);
      expect([statement, await trackingProblems(source.db)]).toEqual([statement, []]);
    }
  });

  it('refuses what it can not track, and says why', async () => {
    await database.pool.query(
      'CREATE TABLE things (id int, seen timestamptz, price numeric); CREATE VIEW v AS SELECT 1 AS id',
    );
    const cases: [string, string, string[], string][] = [
      ['nothing', 'thing', ['id'], 'E_TRACK_TABLE'],
      ['x; DROP TABLE things', 'thing', ['id'], 'E_TRACK_TABLE'],
      ['v', 'thing', ['id'], 'E_TRACK_TABLE'],
      ['things', 'thing', ['nope'], 'E_TRACK_COLUMN'],
      ['things', 'thing', [], 'E_TRACK_COLUMN'],
      ['things', 'thing', ['seen'], 'E_TRACK_COLUMN'],
      ['things', 'thing', ['price'], 'E_TRACK_COLUMN'],
      ['things', 'Bad Name', ['id'], 'E_TRACK_KEYSPACE'],
    ];
    for (const [table, keyspace, keys, code] of cases) {
      await expect(trackTable(database.pool, { table, keyspace, keys })).rejects.toMatchObject({ code });
    }
  });
});
